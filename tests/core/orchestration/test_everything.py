"""Whatever happens, in whatever order: nothing is paid for that nobody wants."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from hypothesis import given, settings
from hypothesis import strategies as st

from inventiv_adapters.cloud.memory import AnswerLost
from inventiv_adapters.instances.memory import History
from inventiv_core.cloud.entities import (
    Absent,
    Denied,
    RefusalReason,
    Refused,
    Throttled,
    Unknown,
)
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import AT_REST, TRANSITIONS, InstanceId, InstanceStatus
from inventiv_core.kernel.errors import DomainError
from tests.core.accidents import Killed, die
from tests.core.world import MINUTE, SECOND, World

EXAMPLES = 60
TROUBLE = (
    Denied(detail="no"),
    Throttled(retry_after=None),
    Throttled(retry_after=7 * SECOND),
    Unknown(detail="hm"),
)
NO_STOCK = Refused(reason=RefusalReason.OUT_OF_STOCK, detail="None left.")


class Step(Protocol):
    """Something that happens."""

    async def __call__(self, world: World) -> None: ...


@dataclass(frozen=True)
class Deploy:
    """Somebody wants a machine."""

    async def __call__(self, world: World) -> None:
        await world.deploy()


@dataclass(frozen=True)
class Terminate:
    """Somebody wants it no more."""

    which: int

    async def __call__(self, world: World) -> None:
        if instances := instances_of(world):
            await world.terminate(instances[self.which % len(instances)])


@dataclass(frozen=True)
class Reinstall:
    """Somebody wants it to start anew, whether or not it can."""

    which: int

    async def __call__(self, world: World) -> None:
        if instances := instances_of(world):
            with suppress(DomainError):
                await world.reinstall(instances[self.which % len(instances)])


@dataclass(frozen=True)
class Pass:
    """Time passes, and what is due is done."""

    seconds: int

    async def __call__(self, world: World) -> None:
        await world.run(self.seconds * SECOND)


@dataclass(frozen=True)
class Fault:
    """The provider will once answer something else than the truth."""

    operation: str
    outcome: AnswerLost | Denied | Throttled | Unknown | Refused | Absent

    async def __call__(self, world: World) -> None:
        getattr(world.cloud, f"next_{self.operation}").add(self.outcome)


@dataclass(frozen=True)
class Vanish:
    """A machine is gone, and nobody was asked."""

    which: int

    async def __call__(self, world: World) -> None:
        if machines := list(world.cloud.machines):
            del world.cloud.machines[machines[self.which % len(machines)]]


@dataclass(frozen=True)
class Agents:
    """The agents on the machines fall silent, or speak again."""

    work: bool

    async def __call__(self, world: World) -> None:
        world.agents_work = self.work


@dataclass(frozen=True)
class Die:
    """Whoever works dies after so many more steps."""

    after: int

    async def __call__(self, world: World) -> None:
        world.accidents.happen_soon(die, after=self.after)


@dataclass(frozen=True)
class Sweep:
    """The provider's books are compared with ours."""

    async def __call__(self, world: World) -> None:
        try:
            await world.sweep_machines(actor=PLATFORM)
        except Killed:
            return


@dataclass(frozen=True)
class Double:
    """An order that was thought lost arrives after all."""

    which: int

    async def __call__(self, world: World) -> None:
        if instances := instances_of(world):
            world.rent(instances[self.which % len(instances)])


def instances_of(world: World) -> list[InstanceId]:
    return [InstanceId(instance_id) for instance_id in world.database.table(History)]


FAULTS = st.one_of(
    st.builds(Fault, st.just("create"), st.sampled_from([*TROUBLE, AnswerLost(), NO_STOCK])),
    st.builds(
        Fault,
        st.sampled_from(["start", "delete", "reinstall"]),
        st.sampled_from([*TROUBLE, AnswerLost()]),
    ),
    st.builds(Fault, st.sampled_from(["find", "list"]), st.sampled_from(TROUBLE)),
)
STEPS = st.one_of(
    st.builds(Deploy),
    st.builds(Terminate, st.integers(0, 3)),
    st.builds(Reinstall, st.integers(0, 3)),
    st.builds(Pass, st.sampled_from([0, 1, 2, 5, 20, 60, 200, 900])),
    FAULTS,
    st.builds(Vanish, st.integers(0, 3)),
    st.builds(Agents, st.booleans()),
    st.builds(Die, st.integers(0, 40)),
    st.builds(Sweep),
)
LIES = st.one_of(
    STEPS,
    st.builds(Fault, st.just("find"), st.just(Absent())),
    st.builds(Double, st.integers(0, 3)),
)


@settings(max_examples=EXAMPLES)
@given(st.lists(STEPS, max_size=25))
async def test_an_honest_provider_never_rents_us_two_machines_for_one_instance(
    steps: Sequence[Step],
) -> None:
    world = await World.build()
    for step in [Deploy(), *steps]:
        await step(world)
        for instance_id in instances_of(world):
            assert len(world.machines_of(instance_id)) <= 1
            assert_lawful(world, instance_id)
    await assert_well_in_the_end(world)


@settings(max_examples=EXAMPLES)
@given(st.lists(LIES, max_size=25))
async def test_even_after_lies_all_is_well_in_the_end(steps: Sequence[Step]) -> None:
    world = await World.build()
    for step in [Deploy(), *steps]:
        await step(world)
    await assert_well_in_the_end(world)


def assert_lawful(world: World, instance_id: InstanceId) -> None:
    history = world.history(instance_id)
    assert history[0] is InstanceStatus.PROVISIONING
    for before, after in pairwise(history):
        assert after in TRANSITIONS[before]
    assert history[-1] is world.status(instance_id)


async def assert_well_in_the_end(world: World) -> None:
    """Let nothing go wrong any more: soon each instance serves on one machine, or has none."""
    world.heal()
    await world.run(15 * MINUTE)
    await world.sweep_machines(actor=PLATFORM)
    for instance_id in instances_of(world):
        assert_lawful(world, instance_id)
        machines = world.machines_of(instance_id)
        if world.status(instance_id) in AT_REST:
            assert not machines
        else:
            assert world.status(instance_id) is InstanceStatus.READY
            assert [machine.id for machine in machines] == [
                world.instance(instance_id).provider_instance_id
            ]
    assert not world.unfinished()
