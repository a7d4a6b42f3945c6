"""Reporting for duty."""

from dataclasses import dataclass, replace
from datetime import datetime

from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.workers.entities import (
    SILENCE,
    TOKEN_GRACE,
    Worker,
    WorkerCaller,
    WorkerReport,
    WorkerToken,
)
from inventiv_core.workers.errors import (
    TokenAlreadyExists,
    WorkerTokenInvalid,
)
from inventiv_core.workers.ports import WorkerTokens, WorkerWork
from inventiv_core.workers.use_cases.heartbeats import Roster, living, recover
from inventiv_core.workers.use_cases.tokens import new_token, rotated


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
    roster: Roster

    async def __call__(
        self, instance_id: InstanceId, report: WorkerReport, *, actor: WorkerCaller
    ) -> Registered:
        """Accept the worker of an instance; without a token, only from the machine itself.

        The token travels to the machine when it is rented. A machine that did not get it, or
        has lost it, may ask for it from the address that the provider names: until the token
        is used, or when the worker has not been heard of for a while.

        Raises:
            WorkerTokenInvalid: Neither the token nor the address is the right one.
            TokenAlreadyExists: The right address, but the token is in use, or on its way to a
                machine that starts anew.
            WorkerInstanceNotFound: There is no such instance, or it is over.
        """
        now = self.clock.now()
        async with self.unit_of_work() as work:
            if actor.token is None:
                answer = await self._bootstrap(instance_id, actor, now, work)
            else:
                await _present(instance_id, actor.token, report, self.worker_tokens, now, work)
                answer = Registered()
            instance = await living(instance_id, work, known=actor.token is not None)
            if instance.is_to_reinstall:  # this life ends; the next one has not begun
                raise TokenAlreadyExists
            before = await work.workers.find(instance_id)
            await work.workers.put(Worker.register(instance_id, report, before=before, at=now))
            await recover(instance, now, work)
            await work.leases.schedule(instance_id, at=now)
        self.roster.forget(instance_id)
        return answer

    async def _bootstrap(
        self, instance_id: InstanceId, actor: WorkerCaller, now: datetime, work: WorkerWork
    ) -> Registered:
        instance = await living(instance_id, work, known=False)
        if instance.ip_address is None or actor.ip_address != instance.ip_address:
            raise WorkerTokenInvalid
        known = await work.worker_tokens.find(instance_id)
        if _is_told(instance, now):
            raise TokenAlreadyExists
        if known is None:
            _, known = new_token(instance_id, 1, self.worker_tokens, at=now)
        elif known.revoked_at is not None:
            raise TokenAlreadyExists
        elif known.last_seen_at is not None:
            if await _is_heard_of(instance_id, known, now, work):
                raise TokenAlreadyExists
            known = rotated(known, self.worker_tokens, grace=TOKEN_GRACE, at=now)
        await work.worker_tokens.put(known)
        return Registered(
            bootstrap_token=self.worker_tokens.derive(instance_id, known.generation),
            bootstrap_token_prefix=known.token_prefix,
        )


def _is_told(instance: Instance, now: datetime) -> bool:
    """Tell whether the machine has just been told to start anew, and its token with it.

    Who asks for one then may be what ran there before. Later, it may have been lost.
    """
    begun_at = instance.boot_started_at
    return instance.life > 1 and begun_at is not None and now - begun_at < SILENCE


async def _is_heard_of(
    instance_id: InstanceId, token: WorkerToken, now: datetime, work: WorkerWork
) -> bool:
    """Tell whether somebody has been using the token lately."""
    worker = await work.workers.find(instance_id)
    seen = [at for at in (token.last_seen_at, worker and worker.last_heartbeat_at) if at]
    return now - max(seen) < SILENCE


async def _present(
    instance_id: InstanceId,
    token: str,
    report: WorkerReport,
    tokens: WorkerTokens,
    now: datetime,
    work: WorkerWork,
) -> None:
    """Return if the token is the worker's, and note that it was used."""
    known = await work.worker_tokens.find(instance_id)
    if tokens.is_good_for_all(token):
        if known is not None and known.is_of_former_life(None, report.worker_id):
            # a process that registers has just begun: its name was given to it, and is the same
            await work.worker_tokens.put(replace(known, retired_id=None))
        return
    token_hash = tokens.hash(token)
    if known is None or not known.accepts(token_hash, now):
        raise WorkerTokenInvalid
    used = known.used(token_hash, at=now)
    if used != known:
        await work.worker_tokens.put(used)
