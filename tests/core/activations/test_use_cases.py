"""Who may say that an instance serves, and what follows from it."""

from dataclasses import replace
from typing import Any

import pytest

from inventiv_adapters.activations.memory import MemoryActivationQueries
from inventiv_core.activations.entities import (
    ActivationAct,
    ActivationPolicy,
    Activations,
    Side,
)
from inventiv_core.activations.errors import ActivationTooLate
from inventiv_core.activations.use_cases import (
    ActivateInstance,
    GetActivationPolicy,
    SetActivationPolicy,
    WithdrawActivation,
)
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, Role, UserId
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.instances.events import InstanceChanged
from tests.builders import ACME, ALICE, NOON, OTHER, a_number, an_actor, given
from tests.core.world import MINUTE, World

BOB = UserId(a_number())
TECHNICAL, ECONOMIC = Side.TECHNICAL, Side.ECONOMIC
MAY = {
    TECHNICAL: {Role.OWNER, Role.ADMIN},
    ECONOMIC: {Role.OWNER, Role.MANAGER},
}


class Committee:
    """What people can say, in a world."""

    def __init__(self, world: World) -> None:
        common: dict[str, Any] = {
            "unit_of_work": world.unit_of_work, "clock": world.clock, "new_id": world.new_id,
        }  # fmt: skip
        self.world = world
        self.activate = ActivateInstance(**common)
        self.withdraw = WithdrawActivation(**common)
        self.choose = SetActivationPolicy(**common)
        self.look = GetActivationPolicy(activation_queries=MemoryActivationQueries(world.database))

    async def instance(self, status: InstanceStatus = InstanceStatus.READY) -> Instance:
        instance = self.world.market.instance(status=status)
        await given(self.world.unit_of_work, instance)
        return instance

    @property
    def acts(self) -> list[Act]:
        return list(self.world.database.table(Act).values())


@pytest.fixture
def committee(world: World) -> Committee:
    return Committee(world)


async def test_an_instance_is_operational_when_both_sides_have_activated_it(
    committee: Committee, world: World
) -> None:
    instance = await committee.instance()
    one = await committee.activate(instance.id, TECHNICAL, actor=an_actor())
    assert (one.tech_activated_by, one.tech_activated_at, one.is_operational) == (
        ALICE, NOON, False,
    )  # fmt: skip
    world.clock.advance(MINUTE)
    bob = replace(an_actor(Role.MANAGER), user_id=BOB)
    both = await committee.activate(instance.id, ECONOMIC, actor=bob)
    assert both == replace(one, eco_activated_by=BOB, eco_activated_at=NOON + MINUTE)
    assert both.is_operational

    less = await committee.withdraw(instance.id, TECHNICAL, actor=an_actor(Role.ADMIN))
    assert less == replace(both, tech_activated_by=None, tech_activated_at=None)
    assert not less.is_operational
    assert [act.kind for act in committee.acts] == [
        ActivationAct.INSTANCE_TECH_ACTIVATED,
        ActivationAct.INSTANCE_ECO_ACTIVATED,
        ActivationAct.INSTANCE_TECH_DEACTIVATED,
    ]
    last = committee.acts[-1]
    assert (last.organization_id, last.subject.id) == (ACME, instance.id)
    assert last.before == {"tech_activated_by": ALICE, "tech_activated_at": NOON}
    assert last.after == {"tech_activated_by": None, "tech_activated_at": None}
    told = [message.event for message in world.database.outbox]
    assert sum(isinstance(event, InstanceChanged) for event in told) == 3


@pytest.mark.parametrize("side", Side)
async def test_to_say_it_again_changes_nothing(committee: Committee, side: Side) -> None:
    instance = await committee.instance()
    nothing = Activations(instance_id=instance.id)
    assert await committee.withdraw(instance.id, side, actor=an_actor()) == nothing
    first = await committee.activate(instance.id, side, actor=an_actor())
    bob = replace(an_actor(), user_id=BOB)
    assert await committee.activate(instance.id, side, actor=bob) == first
    assert await committee.withdraw(instance.id, side, actor=bob) == nothing
    assert len(committee.acts) == 2


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("side", Side)
async def test_each_side_has_people_of_its_own(
    committee: Committee, side: Side, role: Role
) -> None:
    instance = await committee.instance()
    for say in (committee.activate, committee.withdraw):
        if role in MAY[side]:
            await say(instance.id, side, actor=an_actor(role))
        else:
            with pytest.raises(PermissionMissing):
                await say(instance.id, side, actor=an_actor(role))


async def test_administrators_of_the_platform_answer_for_nothing(committee: Committee) -> None:
    instance = await committee.instance()
    root = replace(an_actor(role=None), permissions=GLOBAL_PERMISSIONS)
    with pytest.raises(NoCurrentOrganization):
        await committee.activate(instance.id, TECHNICAL, actor=root)


@pytest.mark.parametrize("say", ["activate", "withdraw"])
async def test_nobody_answers_for_what_is_not_theirs(committee: Committee, say: str) -> None:
    instance = await committee.instance()
    with pytest.raises(InstanceNotFound):
        await getattr(committee, say)(instance.id, TECHNICAL, actor=an_actor(organization=OTHER))
    assert not committee.acts


@pytest.mark.parametrize("status", InstanceStatus)
async def test_what_is_over_is_not_activated_but_can_be_let_go(
    committee: Committee, status: InstanceStatus
) -> None:
    instance = await committee.instance(status)
    over = {
        InstanceStatus.TERMINATING, InstanceStatus.TERMINATED, InstanceStatus.ARCHIVED,
        InstanceStatus.PROVISIONING_FAILED,
    }  # fmt: skip
    if status in over:
        with pytest.raises(ActivationTooLate):
            await committee.activate(instance.id, ECONOMIC, actor=an_actor())
    else:
        await committee.activate(instance.id, ECONOMIC, actor=an_actor())
    await committee.withdraw(instance.id, ECONOMIC, actor=an_actor())


async def test_owners_choose_whether_it_takes_both(committee: Committee) -> None:
    wanted = ActivationPolicy(requires_double_activation=True)
    assert not (await committee.look(actor=an_actor())).requires_double_activation
    for role in set(Role) - {Role.OWNER}:
        with pytest.raises(PermissionMissing):
            await committee.choose(wanted, actor=an_actor(role))
    for _ in range(2):
        assert await committee.choose(wanted, actor=an_actor()) == wanted
    assert await committee.look(actor=an_actor(Role.USER)) == wanted
    assert await committee.look(actor=an_actor(organization=OTHER)) == ActivationPolicy()
    [act] = committee.acts
    assert act.kind is ActivationAct.ACTIVATION_POLICY_CHANGED
    assert (act.before, act.after) == (
        {"requires_double_activation": False}, {"requires_double_activation": True},
    )  # fmt: skip
