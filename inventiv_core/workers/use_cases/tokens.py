"""The tokens of workers: made, looked at, replaced."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.instances.entities import AT_REST, InstanceId
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.workers.entities import WorkerToken
from inventiv_core.workers.errors import InstanceIsOver
from inventiv_core.workers.events import WorkerTokenRotated
from inventiv_core.workers.ports import RetirementWork, WorkerTokens, WorkerTokenWork

_PREFIX_CHARACTERS: Final = 12


class WorkerActKind(StrEnum):
    """What people do about workers."""

    WORKER_TOKEN_ROTATED = "WORKER_TOKEN_ROTATED"  # noqa: S105 - a word


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


def rotated(
    known: WorkerToken, tokens: WorkerTokens, *, grace: timedelta | None, at: datetime
) -> WorkerToken:
    """Return what we keep of the next token of a worker, which replaces ``known``."""
    _, successor = new_token(known.instance_id, known.generation + 1, tokens, at=at)
    return known.rotated(successor, grace=grace, at=at)


async def retire(
    instance_id: InstanceId, work: RetirementWork, tokens: WorkerTokens, *, at: datetime
) -> None:
    """Forget the worker of a machine that is to start anew, and have its token be worth nothing.

    The machine is given the next one with what else it is told: whatever was on its way, or is
    said until it goes down, is refused.
    """
    worker = await work.workers.find(instance_id)
    known = await work.worker_tokens.find(instance_id)
    generation = 1 if known is None else known.generation + 1
    _, token = new_token(instance_id, generation, tokens, at=at)
    retired_id = None if known is None else known.retired_id
    if worker is not None and worker.worker_id is not None:
        retired_id = worker.worker_id
    await work.worker_tokens.put(replace(token, retired_id=retired_id))
    await work.workers.forget(instance_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWorkerToken:
    """Have the worker of an instance use another token. Safe to repeat.

    Its machine gets the new one in the answer to its next heartbeat, if that comes from the
    machine's own address, or when it registers from there without one. An agent that knows
    of neither goes on with the one it has: without a ``grace`` that stays good until the new
    one is used.
    """

    unit_of_work: UnitOfWork[WorkerTokenWork]
    worker_tokens: WorkerTokens
    clock: Clock
    new_id: NewId

    async def __call__(
        self, instance_id: InstanceId, *, grace: timedelta | None, actor: Actor
    ) -> WorkerToken:
        """Return what is kept of the new token. After ``grace`` the one before is worth nothing.

        Raises:
            InstanceNotFound: There is no such instance in the actor's organization.
            InstanceIsOver: It has no worker any more.
        """
        owner = actor.must_in_organization(Permission.MANAGE_INSTANCES)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            instance = await work.instances.lock(instance_id, owner=owner)
            if instance.status in AT_REST:
                raise InstanceIsOver(instance_id=instance_id, status=instance.status)
            known = await work.worker_tokens.find(instance_id)
            if known is None:
                _, token = new_token(instance_id, 1, self.worker_tokens, at=now)
            else:
                token = rotated(known, self.worker_tokens, grace=grace, at=now)
            await work.worker_tokens.put(token)
            act = Act(
                id=self.new_id(),
                kind=WorkerActKind.WORKER_TOKEN_ROTATED,
                actor=actor,
                organization_id=owner,
                subject=Subject(
                    kind="instance",
                    id=instance_id,
                    name=instance.provider_instance_id or str(instance_id),
                ),
                at=now,
                before={"generation": None if known is None else known.generation},
                after={"generation": token.generation},
                facts={"previous_until": token.previous_until},
            )
            await enter(act, work)
            await work.outbox.add(
                WorkerTokenRotated(instance_id=instance_id, organization_id=owner, occurred_at=now)
            )
        return token
