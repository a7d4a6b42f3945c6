"""What people can say about whether instances may serve."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

from inventiv_core.activations.entities import (
    TOO_LATE,
    ActivationAct,
    ActivationPolicy,
    Activations,
    Side,
)
from inventiv_core.activations.errors import ActivationTooLate
from inventiv_core.activations.ports import ActivationQueries, ActivationWork
from inventiv_core.identity.access import Actor, OrganizationId, Permission, UserId
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork

_PERMISSIONS: Final[Mapping[Side, Permission]] = MappingProxyType({
    Side.TECHNICAL: Permission.ACTIVATE_TECHNICALLY,
    Side.ECONOMIC: Permission.ACTIVATE_ECONOMICALLY,
})  # fmt: skip

_ACTIVATED: Final[Mapping[Side, ActivationAct]] = MappingProxyType({
    Side.TECHNICAL: ActivationAct.INSTANCE_TECH_ACTIVATED,
    Side.ECONOMIC: ActivationAct.INSTANCE_ECO_ACTIVATED,
})  # fmt: skip

_WITHDRAWN: Final[Mapping[Side, ActivationAct]] = MappingProxyType({
    Side.TECHNICAL: ActivationAct.INSTANCE_TECH_DEACTIVATED,
    Side.ECONOMIC: ActivationAct.INSTANCE_ECO_DEACTIVATED,
})  # fmt: skip


def _must(side: Side, actor: Actor) -> tuple[OrganizationId, UserId]:
    """Return where the actor, a person, answers for that side, and who that is."""
    owner = actor.must_in_organization(_PERMISSIONS[side])
    return owner, actor.must_be_user(_PERMISSIONS[side])


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateInstance:
    """Answer for an instance, from one side. Safe to repeat."""

    unit_of_work: UnitOfWork[ActivationWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, instance_id: InstanceId, side: Side, *, actor: Actor) -> Activations:
        """Return who has activated it; whoever did so before, stays.

        Raises:
            InstanceNotFound: There is no such instance in the actor's organization.
            ActivationTooLate: It is over, or about to be.
        """
        owner, by = _must(side, actor)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            instance = await work.instances.lock(instance_id, owner=owner)
            if instance.status in TOO_LATE:
                raise ActivationTooLate(instance_id=instance_id, status=instance.status)
            before = await work.activations.get(instance_id)
            after = before.activate(side, by=by, at=now)
            if after != before:
                act = Act(
                    id=self.new_id(),
                    kind=_ACTIVATED[side],
                    actor=actor,
                    organization_id=owner,
                    subject=_subject(instance),
                    at=now,
                    before=before.of(side),
                    after=after.of(side),
                )
                await _store(after, instance, act, work)
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawActivation:
    """Answer for an instance no longer. Safe to repeat, and always allowed."""

    unit_of_work: UnitOfWork[ActivationWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, instance_id: InstanceId, side: Side, *, actor: Actor) -> Activations:
        """Return who still answers for it, or raise `InstanceNotFound`."""
        owner, _ = _must(side, actor)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            instance = await work.instances.lock(instance_id, owner=owner)
            before = await work.activations.get(instance_id)
            after = before.withdraw(side)
            if after != before:
                act = Act(
                    id=self.new_id(),
                    kind=_WITHDRAWN[side],
                    actor=actor,
                    organization_id=owner,
                    subject=_subject(instance),
                    at=now,
                    before=before.of(side),
                    after=after.of(side),
                )
                await _store(after, instance, act, work)
        return after


def _subject(instance: Instance) -> Subject:
    return Subject(kind="instance", id=instance.id, name=str(instance.id))


async def _store(after: Activations, instance: Instance, act: Act, work: ActivationWork) -> None:
    """Store it, enter it in the books, and tell those who watch, routers among them."""
    await work.activations.put(after)
    await enter(act, work)
    await work.outbox.add(InstanceChanged.of(instance, at=act.at))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetActivationPolicy:
    """Look at what the organization wants before its instances get calls."""

    activation_queries: ActivationQueries

    async def __call__(self, *, actor: Actor) -> ActivationPolicy:
        """Return what it has chosen."""
        owner = actor.must_in_organization(Permission.USE_ORGANIZATION)
        return await self.activation_queries.policy(owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetActivationPolicy:
    """Choose what the organization wants before its instances get calls."""

    unit_of_work: UnitOfWork[ActivationWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, wanted: ActivationPolicy, *, actor: Actor) -> ActivationPolicy:
        """Store it. It counts for what serves already, too, within a second or two."""
        owner = actor.must_in_organization(Permission.MANAGE_ORGANIZATION)
        async with self.unit_of_work() as work:
            before = await work.activations.lock_policy(owner)
            if wanted != before:
                await work.activations.put_policy(owner, wanted)
                act = Act(
                    id=self.new_id(),
                    kind=ActivationAct.ACTIVATION_POLICY_CHANGED,
                    actor=actor,
                    organization_id=owner,
                    subject=Subject(kind="activation_policy", id=owner, name="activation"),
                    at=self.clock.now(),
                    before=asdict(before),
                    after=asdict(wanted),
                )
                await enter(act, work)
        return wanted
