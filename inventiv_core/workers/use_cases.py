"""What workers can do: report for duty, and say how they are."""

from dataclasses import dataclass, replace
from datetime import datetime

from inventiv_core.instances.entities import (
    AT_REST,
    ErrorCode,
    Instance,
    InstanceId,
    InstanceStatus,
)
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.instances.use_cases import change
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.workers.entities import (
    Worker,
    WorkerCaller,
    WorkerReport,
    WorkerStatus,
    WorkerToken,
)
from inventiv_core.workers.errors import (
    TokenAlreadyExists,
    WorkerInstanceNotFound,
    WorkerTokenInvalid,
)
from inventiv_core.workers.ports import WorkerTokens, WorkerWork

_PREFIX_CHARACTERS = 12


def new_token(
    instance_id: InstanceId, generation: int, tokens: WorkerTokens, *, at: datetime
) -> tuple[str, WorkerToken]:
    """Return the token of that generation, and what we keep of it."""
    token = tokens.derive(instance_id, generation)
    return token, WorkerToken(
        instance_id=instance_id,
        token_hash=tokens.hash(token),
        token_prefix=token[:_PREFIX_CHARACTERS],
        generation=generation,
        created_at=at,
        last_seen_at=None,
        revoked_at=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The answer to a registration."""

    bootstrap_token: str | None = None
    """The worker's own token, if it came without one."""
    bootstrap_token_prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWorker:
    """Report for duty."""

    unit_of_work: UnitOfWork[WorkerWork]
    clock: Clock
    worker_tokens: WorkerTokens

    async def __call__(
        self, instance_id: InstanceId, report: WorkerReport, *, actor: WorkerCaller
    ) -> Registered:
        """Accept the worker of an instance; without a token, only from the machine itself.

        The token travels to the machine when it is rented. A machine that did not get it
        may ask for it once, from the address that the provider names, before it was ever used.

        Raises:
            WorkerTokenInvalid: Neither the token nor the address is the right one.
            TokenAlreadyExists: The right address, but the token is in use.
            WorkerInstanceNotFound: There is no such instance, or it is over.
        """
        now = self.clock.now()
        async with self.unit_of_work() as work:
            known = await work.worker_tokens.find(instance_id)
            if actor.token is not None:
                _must_match(actor.token, known, self.worker_tokens)
            instance = await _living(instance_id, work, known=actor.token is not None)
            answer = Registered()
            if actor.token is None:
                answer = await self._bootstrap(instance, known, actor, now, work)
            await work.worker_tokens.touch(instance_id, at=now)
            before = await work.workers.find(instance_id)
            worker = Worker.register(instance_id, report, at=now)
            if before is not None and before.status is WorkerStatus.READY:
                worker = replace(worker, status=before.status)  # a lost answer, not a restart
            await work.workers.put(worker)
            await _recover(instance, now, work)
            await work.leases.schedule(instance_id, at=now)
        return answer

    async def _bootstrap(
        self,
        instance: Instance,
        known: WorkerToken | None,
        actor: WorkerCaller,
        now: datetime,
        work: WorkerWork,
    ) -> Registered:
        if instance.ip_address is None or actor.ip_address != instance.ip_address:
            raise WorkerTokenInvalid
        if known is not None and (known.last_seen_at is not None or known.revoked_at is not None):
            raise TokenAlreadyExists
        generation = 1 if known is None else known.generation
        token, kept = new_token(instance.id, generation, self.worker_tokens, at=now)
        await work.worker_tokens.put(kept)
        return Registered(bootstrap_token=token, bootstrap_token_prefix=kept.token_prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Say how the worker is."""

    unit_of_work: UnitOfWork[WorkerWork]
    clock: Clock
    worker_tokens: WorkerTokens

    async def __call__(
        self, instance_id: InstanceId, report: WorkerReport, *, actor: WorkerCaller
    ) -> None:
        """Note the report; wake the reconciler only when it may change something.

        Raises:
            WorkerTokenInvalid: The token is missing or wrong.
            WorkerInstanceNotFound: There is no such instance, or it is over.
        """
        if actor.token is None:
            raise WorkerTokenInvalid
        now = self.clock.now()
        async with self.unit_of_work() as work:
            _must_match(actor.token, await work.worker_tokens.find(instance_id), self.worker_tokens)
            instance = await _living(instance_id, work, known=True)
            before = await work.workers.find(instance_id)
            if before is None:
                worker = Worker.register(instance_id, report, at=now)
            else:
                worker = before.hear(report, at=now)
            await work.workers.put(worker)
            await work.worker_tokens.touch(instance_id, at=now)
            after = await _recover(instance, now, work)
            news = before is None or before.status is not worker.status
            if after is not instance or news or instance.status is InstanceStatus.UNAVAILABLE:
                await work.leases.schedule(instance_id, at=now)
                await work.outbox.add(InstanceChanged.of(after, at=now))


def _must_match(token: str, known: WorkerToken | None, tokens: WorkerTokens) -> None:
    if known is None or known.revoked_at is not None or not tokens.matches(token, known.token_hash):
        raise WorkerTokenInvalid


async def _living(instance_id: InstanceId, work: WorkerWork, *, known: bool) -> Instance:
    """Return the instance, unless it is over. Strangers do not learn which instances there are."""
    try:
        instance = await work.instances.lock(instance_id, owner=None)
    except InstanceNotFound as error:
        if known:
            raise WorkerInstanceNotFound(instance_id=instance_id) from error
        raise WorkerTokenInvalid from error
    if instance.status in AT_REST:
        if known:
            raise WorkerInstanceNotFound(instance_id=instance_id)
        raise WorkerTokenInvalid
    return instance


async def _recover(instance: Instance, now: datetime, work: WorkerWork) -> Instance:
    """Give an instance that was merely late another chance; return it as it is now."""
    late = (
        instance.status is InstanceStatus.STARTUP_FAILED
        and instance.error_code == ErrorCode.STARTUP_TIMEOUT
    )
    if not late:
        return instance
    booting = instance.boot(at=now)
    await change(instance, booting, work, reason="the worker came late", at=now)
    return booting
