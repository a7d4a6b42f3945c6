"""Having a model answer."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.errors.access import NoCurrentOrganization
from inventiv_core.inference.entities.affinity import ANYWHERE, Affinity
from inventiv_core.inference.entities.gauges import Headroom
from inventiv_core.inference.entities.offerings import Offerings
from inventiv_core.inference.entities.retries import MAX_ATTEMPTS, RetryBudget
from inventiv_core.inference.entities.routes import Route, Target
from inventiv_core.inference.entities.routing import Attempt, Router
from inventiv_core.inference.entities.usage import (
    NOTHING_USED,
    Delivery,
    InferenceUsage,
    Outcome,
    TokenCounts,
    estimated_counts,
    estimated_input,
    expected_counts,
    outcome_of,
)
from inventiv_core.inference.errors import (
    ModelNotAllowed,
    ModelNotNamed,
    NoReadyWorker,
    UpstreamUnreachable,
)
from inventiv_core.inference.ports import (
    EngineCall,
    EngineNotReached,
    EngineReply,
    Engines,
    UsageSpool,
)
from inventiv_core.inference.use_cases.admission import Admission, Admitted
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.clock import Clock
from inventiv_core.models.views import Grant

BROKEN: Final = frozenset({502, 503, 504})
"""Answers of an engine that is not well. Nothing has reached the caller yet."""
RETRIED: Final = BROKEN | {429}
"""Answers of an engine that another one may do better than."""
LEFT: Final = 499
"""The status of a call whose caller left before there was an answer."""

_OUR_FAULT: Final = 500
_UNREACHABLE: Final = 502
_NO_WORKER: Final = 503
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class InferenceCall:
    """A call to forward."""

    id: UUID
    """Its record's. Whatever the caller calls it is the caller's to choose, and no identity."""
    path: str
    """Such as ``/v1/chat/completions``: the same on both sides."""
    model: str | None
    streamed: bool
    body_for: Callable[[str], bytes]
    """Makes the body that names the model as the engine does."""
    size_bytes: int
    """Of the body, as it came."""
    request_id: str
    most_output_tokens: int = 0
    """How long an answer it allows, if it says so."""
    affinity: Affinity = ANYWHERE


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class Exchange:
    """A call that an engine is answering. Whoever has it must finish it, come what may."""

    reply: EngineReply
    attempt: Attempt
    meter: "_Meter"
    router: Router

    @property
    def route(self) -> Route:
        """Who is answering."""
        return self.attempt.route

    @property
    def headroom(self) -> Sequence[Headroom]:
        """What is left of what the caller may use; nothing where there is no limit."""
        admitted = self.meter.admitted
        return () if admitted is None else admitted.headroom

    def finish(self, delivery: Delivery) -> None:
        """Count the call off, with what of the answer has gone out."""
        if delivery.broke_off:
            self.router.fail(self.attempt, now=self.meter.clock.now())
        self.router.end(self.attempt)
        self.meter.finish(delivery, self.reply.status_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardInference:
    """Have a model answer: a worker of the caller's organization, or of whoever offers it."""

    router: Router
    offerings: Offerings
    admission: Admission
    engines: Engines
    retry_budget: RetryBudget
    failover_for: timedelta
    usage_spool: UsageSpool
    clock: Clock
    chance: Chance

    async def __call__(self, call: InferenceCall, *, actor: Actor) -> Exchange:
        """Forward the call, and return when an answer begins.

        Whatever comes of it is metered, once: here if there is no answer, and otherwise
        when the exchange is finished. What limits refuse has not come to anything.

        Raises:
            ModelNotNamed: The call names no model.
            ModelNotServed: There is no such model, or it is nobody's to use who calls.
            NoCurrentOrganization: In the personal workspace, no machines serve a model of the
                catalog.
            ModelNotAllowed: The actor's API key is for other models.
            SubscriptionRequired: It is for subscribers, and the workspace has a free plan.
            WalletEmpty: It is paid from the wallet, in which there is nothing.
            LimitReached: It is more than may be used now, or until a period ends.
            NoReadyWorker: None of the workers serves it now.
            UpstreamUnreachable: Those that should did not answer.
        """
        actor.must(Permission.INFER)
        now = self.clock.now()
        target = self._target(call, actor, now)
        meter = _Meter(
            call=call, target=target, actor=actor, began_at=now, clock=self.clock,
            spool=self.usage_spool, admission=self.admission,
        )  # fmt: skip
        if asks := self.admission.asks(actor, target, meter.expected, at=meter.began_at):
            meter.admitted = await self.admission.admit(asks)
        try:
            attempt, reply = await self._answer(call, target, meter)
        except UpstreamUnreachable:
            meter.fail(_UNREACHABLE)
            raise
        except NoReadyWorker:
            meter.fail(_NO_WORKER)
            raise
        except Exception:
            meter.fail(_OUR_FAULT)
            raise
        except BaseException:  # the caller has left
            meter.leave()
            raise
        return Exchange(reply=reply, attempt=attempt, meter=meter, router=self.router)

    def _target(self, call: InferenceCall, actor: Actor, now: datetime) -> Target:
        name = (call.model or "").strip()
        if not name:
            raise ModelNotNamed
        caller = actor.organization_id
        grant = self.offerings.grants.resolve(name, caller=caller, at=now)
        model = self.router.resolve(name if grant is None else grant.model_id)
        if grant is None:  # its id or its public name in a personal workspace, or what people say
            if caller is None:
                raise NoCurrentOrganization
            grant = Grant.to_itself(model.named, caller)
        target = Target.of(grant, model)
        if actor.models is not None and target.name not in actor.models:
            raise ModelNotAllowed(model=name)
        self.offerings.standings.of(actor).admit(grant.access_policy)
        return target

    async def _answer(
        self, call: InferenceCall, target: Target, meter: "_Meter"
    ) -> tuple[Attempt, EngineReply]:
        asked = EngineCall(
            path=call.path,
            body=call.body_for(target.model_id),
            accept="text/event-stream" if call.streamed else "application/json",
            request_id=call.request_id,
            session=call.affinity.session,
        )
        self.retry_budget.pay()
        tried: tuple[InstanceId, ...] = ()
        route = self._next(target, call, tried, meter.began_at)
        while True:
            meter.instance_id = route.instance_id
            tried += (route.instance_id,)
            attempt = self.router.begin(route)
            try:
                reply = await self.engines.send(route, asked)
            except EngineNotReached:
                self.router.fail(attempt, now=self.clock.now())
                self.router.end(attempt)
                another = self._another(target, call, tried, meter)
                if another is None:
                    raise UpstreamUnreachable(model=target.name) from None
            except BaseException:
                self.router.end(attempt)
                raise
            else:
                another = self._judge(attempt, reply, target, call, tried, meter)
                if another is None:
                    return attempt, reply
                self.router.end(attempt)
                reply.close()
            route = another

    def _judge(
        self,
        attempt: Attempt,
        reply: EngineReply,
        target: Target,
        call: InferenceCall,
        tried: Collection[InstanceId],
        meter: "_Meter",
    ) -> Route | None:
        """Note how the worker is; return who may do better, if anybody may."""
        if reply.status_code in BROKEN:
            self.router.fail(attempt, now=self.clock.now())
        else:
            self.router.succeed(attempt, self.clock)
        if reply.status_code not in RETRIED:
            return None
        another = self._another(target, call, tried, meter)
        return another if another is not None and self.retry_budget.take() else None

    def _another(
        self, target: Target, call: InferenceCall, tried: Collection[InstanceId], meter: "_Meter"
    ) -> Route | None:
        """Return a worker that was not tried, if it is not too late to try one."""
        now = self.clock.now()
        is_late = now - meter.began_at > self.failover_for
        if is_late or len(tried) >= MAX_ATTEMPTS:
            return None
        try:
            return self._next(target, call, tried, now)
        except NoReadyWorker:
            return None

    def _next(
        self, target: Target, call: InferenceCall, tried: Collection[InstanceId], now: datetime
    ) -> Route:
        return self.router.choose(
            target.model_id,
            owner=target.owner,
            tried=tried,
            chance=self.chance,
            now=now,
            affinity=call.affinity,
        )


@dataclass(slots=True, kw_only=True)
class _Meter:
    """Notes what becomes of one call, and says it once."""

    call: InferenceCall
    target: Target
    actor: Actor
    began_at: datetime
    clock: Clock
    spool: UsageSpool
    admission: Admission
    admitted: Admitted | None = None
    """``None`` where no limit applies."""
    instance_id: InstanceId | None = None

    def expected(self) -> TokenCounts:
        """What the call will probably take."""
        call, longest = self.call, self.target.context_length
        return expected_counts(call.size_bytes, call.most_output_tokens, context_length=longest)

    def fail(self, status_code: int) -> None:
        """There is no answer."""
        self._put(Outcome.FAILED, status_code, None, None, self.clock.now())

    def leave(self) -> None:
        """The caller has not waited for one."""
        self._put(Outcome.ABORTED, LEFT, None, None, self.clock.now())

    def finish(self, delivery: Delivery, status_code: int) -> None:
        """There is one, or as much of it as could be."""
        outcome, used = outcome_of(delivery, status_code=status_code), delivery.used
        if used is None and outcome is not Outcome.FAILED:
            size, longest = self.call.size_bytes, self.target.context_length
            input_tokens = estimated_input(size, context_length=longest)
            used = estimated_counts(delivery, input_tokens=input_tokens)
        self._put(outcome, status_code, used, delivery.first_byte_at, delivery.over_at)

    def _put(
        self,
        outcome: Outcome,
        status_code: int,
        used: TokenCounts | None,
        first_byte_at: datetime | None,
        over_at: datetime,
    ) -> None:
        call, target, began_at = self.call, self.target, self.began_at
        if self.admitted is not None:
            self.admission.settle(self.admitted, used or NOTHING_USED, target.price)
        self.spool.put(
            InferenceUsage(
                id=call.id,
                request_id=call.request_id,
                occurred_at=began_at,
                organization_id=self.actor.organization_id,
                user_id=self.actor.user_id,
                api_key_id=self.actor.api_key_id,
                provider_organization_id=target.owner,
                offering_id=target.offering_id,
                share_id=target.share_id,
                price=target.price,
                instance_id=self.instance_id,
                model_id=target.model_id,
                path=call.path,
                streamed=call.streamed,
                status_code=status_code,
                outcome=outcome,
                input_tokens=None if used is None else used.input_tokens,
                output_tokens=None if used is None else used.output_tokens,
                total_tokens=None if used is None else used.total_tokens,
                cached_tokens=None if used is None else used.cached_tokens,
                ttft_ms=None
                if first_byte_at is None
                else (first_byte_at - began_at) // _MILLISECOND,
                duration_ms=(over_at - began_at) // _MILLISECOND,
            )
        )
