"""What people can do with the models that are served: use them."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.inference.entities import (
    MAX_ATTEMPTS,
    InferenceUsage,
    Route,
    Router,
    TokenCounts,
)
from inventiv_core.inference.errors import (
    ModelNotAllowed,
    ModelNotNamed,
    NoReadyWorker,
    UpstreamUnreachable,
)
from inventiv_core.inference.ports import (
    EngineNotReached,
    EngineReply,
    Engines,
    RoutingQueries,
    UsageWork,
)
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.settings.use_cases.effective import EffectiveSettings

RETRIED: Final = frozenset({502, 503, 504})
"""Answers of an engine that another one may do better than. Nothing has reached the caller yet."""

_MILLISECOND = timedelta(milliseconds=1)
_FLUSH_ROWS = 500


class UsageQueue:
    """Calls that are answered and not yet stored. In memory: a crash loses at most a second."""

    def __init__(self) -> None:
        self._waiting: deque[InferenceUsage] = deque()

    def put(self, usage: InferenceUsage) -> None:
        """Add a call."""
        self._waiting.append(usage)

    def put_back(self, usages: Sequence[InferenceUsage]) -> None:
        """Return calls that could not be stored, to the front of the queue."""
        self._waiting.extendleft(reversed(usages))

    def take(self, limit: int) -> Sequence[InferenceUsage]:
        """Remove and return the oldest calls."""
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceCall:
    """A call to forward."""

    path: str
    """Such as ``/v1/chat/completions``: the same on both sides."""
    model: str | None
    streamed: bool
    body_for: Callable[[str], bytes]
    """Makes the body that names the model as the engine does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call that an engine is answering. Whoever has it must finish it, come what may."""

    reply: EngineReply
    route: Route
    finish: Callable[[TokenCounts | None, datetime | None], None]
    """Counts the call off, with what it has used and when its first byte came, if it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardInference:
    """Have a model answer: one of the organization's own workers does."""

    router: Router
    engines: Engines
    usage_queue: UsageQueue
    clock: Clock
    new_id: NewId
    chance: Chance

    async def __call__(self, call: InferenceCall, *, actor: Actor) -> Exchange:
        """Forward the call, and return when an answer begins.

        Raises:
            ModelNotNamed: The call names no model.
            ModelNotServed: There is no such model.
            ModelNotAllowed: The actor's API key is for other models.
            NoReadyWorker: None of the organization's workers serves it now.
            UpstreamUnreachable: Those that should did not answer.
        """
        owner = actor.must_in_organization(Permission.INFER)
        name = (call.model or "").strip()
        if not name:
            raise ModelNotNamed
        model_id = self.router.resolve(name)
        if actor.models is not None and model_id not in actor.models:
            raise ModelNotAllowed(model=name)
        body = call.body_for(model_id)
        began_at = self.clock.now()
        tried: set[InstanceId] = set()
        while True:
            route = self._next(model_id, owner, tried)
            tried.add(route.instance_id)
            self.router.begin(route)
            try:
                reply = await self._send(route, call, body)
            except EngineNotReached:
                self.router.end(route)
                continue
            except BaseException:
                self.router.end(route)
                raise
            if reply.status_code in RETRIED and self._has_another(model_id, owner, tried):
                self.router.end(route)
                await reply.close()
                continue
            return Exchange(
                reply=reply,
                route=route,
                finish=self._finisher(call, route, reply, actor, owner, began_at),
            )

    async def _send(self, route: Route, call: InferenceCall, body: bytes) -> EngineReply:
        accept = "text/event-stream" if call.streamed else "application/json"
        return await self.engines.send(route, call.path, body, accept=accept)

    def _next(self, model_id: str, owner: OrganizationId, tried: set[InstanceId]) -> Route:
        if len(tried) >= MAX_ATTEMPTS:
            raise UpstreamUnreachable(model=model_id)
        try:
            return self.router.choose(model_id, owner=owner, tried=tried, chance=self.chance)
        except NoReadyWorker:
            if tried:
                raise UpstreamUnreachable(model=model_id) from None
            raise

    def _has_another(self, model_id: str, owner: OrganizationId, tried: set[InstanceId]) -> bool:
        if len(tried) >= MAX_ATTEMPTS:
            return False
        try:
            self.router.choose(model_id, owner=owner, tried=tried, chance=self.chance)
        except NoReadyWorker:
            return False
        return True

    def _finisher(
        self,
        call: InferenceCall,
        route: Route,
        reply: EngineReply,
        actor: Actor,
        owner: OrganizationId,
        began_at: datetime,
    ) -> Callable[[TokenCounts | None, datetime | None], None]:
        def finish(used: TokenCounts | None, first_byte_at: datetime | None) -> None:
            self.router.end(route)
            self.usage_queue.put(
                InferenceUsage(
                    id=self.new_id(),
                    occurred_at=began_at,
                    organization_id=owner,
                    user_id=actor.user_id,
                    api_key_id=actor.api_key_id,
                    instance_id=route.instance_id,
                    model_id=route.model_id,
                    path=call.path,
                    streamed=call.streamed,
                    status_code=reply.status_code,
                    input_tokens=None if used is None else used.input_tokens,
                    output_tokens=None if used is None else used.output_tokens,
                    total_tokens=None if used is None else used.total_tokens,
                    ttft_ms=None
                    if first_byte_at is None
                    else (first_byte_at - began_at) // _MILLISECOND,
                    duration_ms=(self.clock.now() - began_at) // _MILLISECOND,
                )
            )

        return finish


@dataclass(frozen=True, slots=True, kw_only=True)
class ListServedModels:
    """List which models answer right now."""

    router: Router

    async def __call__(self, *, actor: Actor) -> Sequence[Route]:
        """Return one route for each model that the actor may use and its organization serves."""
        actor.must(Permission.INFER)
        if actor.organization_id is None:
            return ()
        served = self.router.served(actor.organization_id)
        if actor.models is None:
            return served
        return [route for route in served if route.model_id in actor.models]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRoutes:
    """Bring this process's routing table up to date."""

    routing_queries: RoutingQueries
    router: Router
    clock: Clock
    effective_settings: EffectiveSettings

    async def __call__(self, *, actor: Actor) -> None:
        """Replace the table by what the database says now."""
        actor.must(Permission.OPERATE)
        stale_after = await self.effective_settings.stale_after()
        snapshot = await self.routing_queries.snapshot(
            now=self.clock.now(), stale_after=stale_after
        )
        self.router.replace(snapshot.models, snapshot.routes)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushUsage:
    """Store what was used since the last time."""

    unit_of_work: UnitOfWork[UsageWork]
    usage_queue: UsageQueue

    async def __call__(self, *, actor: Actor) -> int:
        """Store what waits; return how many calls it was. What cannot be stored waits on."""
        actor.must(Permission.OPERATE)
        stored = 0
        while usages := self.usage_queue.take(_FLUSH_ROWS):
            try:
                async with self.unit_of_work() as work:
                    added = await work.usage.add(usages)
                    await work.request_counts.add([usage.as_answered() for usage in added])
            except BaseException:
                self.usage_queue.put_back(usages)
                raise
            stored += len(usages)
        return stored
