"""Several orchestrators, and whatever may happen, at any step of the whole life of instances."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Final, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from inventiv_adapters.cloud.memory import AnswerLost
from inventiv_adapters.instances.memory import History
from inventiv_core.cloud.entities import (
    Denied,
    RefusalReason,
    Refused,
    Throttled,
    Trouble,
    Unknown,
)
from inventiv_core.finops.entities.rentals import Rental
from inventiv_core.instances.entities import AT_REST, InstanceId, InstanceStatus
from inventiv_core.kernel.errors import DomainError
from tests.core.crew import Crew, Fate, Skewed, at_once
from tests.core.orchestration.test_everything import assert_lawful
from tests.core.world import MINUTE, SECOND

EXAMPLES: Final = int(os.environ.get("TEST_LIFECYCLES", "250"))
MOST_INSTANCES: Final = 4
LATEST_ORDER: Final = 2 * SECOND
"""After that an order does not arrive any more: less than anybody waits for it."""

FINAL: Final = AT_REST | {InstanceStatus.READY}
SKEW: Final = timedelta(milliseconds=400)
"""How wrong the clock of a process may be, either way."""
DEADLINES: Final = 120 * MINUTE
"""The longest way: two starts, each status with its deadline, and how long a failed one is kept."""

Fault: TypeAlias = tuple[str, Trouble | Refused | AnswerLost | timedelta]

some = st.integers(0, 3)
TROUBLES: Final = [
    Denied(detail="401"),
    Denied(detail="403"),
    Throttled(retry_after=None),
    Throttled(retry_after=7 * SECOND),
    Unknown(detail="404, says somebody on the way"),
    Unknown(detail="503"),
]
NO_STOCK: Final = Refused(reason=RefusalReason.OUT_OF_STOCK, detail="None left.")
NO_QUOTA: Final = Refused(reason=RefusalReason.QUOTA, detail="No more for you.")


FAULTS: Final[st.SearchStrategy[Fault]] = st.one_of(
    st.tuples(st.just("create"), st.sampled_from([*TROUBLES, AnswerLost(), NO_STOCK, NO_QUOTA])),
    st.tuples(st.just("create"), st.sampled_from([0 * SECOND, LATEST_ORDER / 2, LATEST_ORDER])),
    st.tuples(
        st.sampled_from(["start", "delete", "reinstall", "forget"]),
        st.sampled_from([*TROUBLES, AnswerLost()]),
    ),
    st.tuples(st.sampled_from(["find", "list"]), st.sampled_from(TROUBLES)),
)


class Lifecycle(RuleBasedStateMachine):
    """An honest provider that fails as providers do, and processes that die anywhere."""

    world: Crew

    def __init__(self) -> None:
        super().__init__()
        self.given_up: set[InstanceId] = set()
        """What somebody has asked to end."""
        self.vanished = 0
        """Machines that the provider took away: more than a few would not be believed."""

    @initialize(errors=st.lists(st.sampled_from([-SKEW, 0 * SECOND, SKEW]), min_size=2, max_size=4))
    def hire(self, errors: list[timedelta]) -> None:
        self.world = at_once(Crew.build())
        self.world.hire(Skewed(self.world.clock, error) for error in errors)
        self.world.watch = self.nothing_is_lost_or_doubled
        self.deploy(Fate.WELL, [])

    @property
    def instances(self) -> list[InstanceId]:
        return [InstanceId(instance_id) for instance_id in self.world.database.table(History)]

    def one(self, which: int) -> InstanceId:
        return self.instances[which % len(self.instances)]

    @rule(
        wish=st.sampled_from(["deploy", "terminate", "terminate", "reinstall", "wake"]),
        which=some,
        fate=st.sampled_from(Fate),
        faults=st.lists(FAULTS, max_size=2),
    )
    def ask(self, wish: str, which: int, fate: Fate, faults: Sequence[Fault]) -> None:
        """Have somebody want something, perhaps again."""
        instance_id = self.one(which)
        match wish:
            case "deploy" if len(self.instances) < MOST_INSTANCES:
                self.deploy(fate, faults)
            case "terminate":
                at_once(self.world.terminate(instance_id))
                self.given_up.add(instance_id)
            case "reinstall":
                with suppress(DomainError):
                    at_once(self.world.reinstall(instance_id))
            case _:
                at_once(self.world.wake(instance_id))

    def deploy(self, fate: Fate, faults: Sequence[Fault]) -> None:
        self.world.cloud.fates.append(fate)
        for fault in faults:
            self.fail(fault)
        at_once(self.world.deploy())

    @rule(who=some, places=st.integers(1, 30), to_order=st.booleans())
    def work(self, who: int, places: int, *, to_order: bool) -> None:
        """Have one go on, so far or to where it has just ordered a machine."""
        orchestrator, sent = self.world.crew[who % len(self.world.crew)], self.world.cloud.sent
        for _ in range(2 * places if to_order else places):
            if to_order and self.world.cloud.sent > sent:
                break
            orchestrator.step()

    @rule(seconds=st.sampled_from([0.5, 1, 2, 4, 14, 40]))
    def take_long(self, seconds: float) -> None:
        """Let time pass while all are in the middle of something."""
        self.world.pass_time(seconds * SECOND)

    @rule(seconds=st.sampled_from([1, 3, 10, 60, 200, 700]), seed=st.integers(0, 9))
    def live(self, seconds: int, seed: int) -> None:
        self.world.live(seconds * SECOND, Random(seed))  # noqa: S311 - it has to repeat

    @rule(
        what=st.sampled_from(["die", "die late", "stop", "sweep", "vanish", "silence"]), which=some
    )
    def happen(self, what: str, which: int) -> None:
        """Have a process die, stop or sweep, machines go, or agents fall silent or speak again."""
        orchestrator = self.world.crew[which % len(self.world.crew)]
        match what:
            case "stop":
                orchestrator.stop_or_go_on()
            case "sweep":
                orchestrator.begin_sweep()
            case "vanish":
                self.vanish(which)
            case "silence":
                self.world.agents_work = not self.world.agents_work
            case _:
                orchestrator.die(at_the_end=what == "die late")

    def vanish(self, which: int) -> None:
        machines = list(self.world.cloud.machines)
        if machines and self.vanished < self.world.patience.losses_believed:
            del self.world.cloud.machines[machines[which % len(machines)]]
            self.vanished += 1

    @rule(fault=FAULTS)
    def fail(self, fault: Fault) -> None:
        """Have the provider answer something else than the truth, once, or take an order late."""
        operation, outcome = fault
        if isinstance(outcome, timedelta):
            self.world.cloud.delays.append(outcome)
        else:
            getattr(self.world.cloud, f"next_{operation}").add(outcome)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for instance_id in self.instances:
            machines = self.world.machines_of(instance_id)
            assert len(machines) <= 1
            assert not machines or self.world.status(instance_id) not in AT_REST

    @invariant()
    def no_way_leaves_the_table(self) -> None:
        for instance_id in self.instances:
            assert_lawful(self.world, instance_id)

    def teardown(self) -> None:
        """Let the provider answer, and somebody work: in time, all is over or serves."""
        if not hasattr(self, "world"):
            return
        world, dice = self.world, Random(0)  # noqa: S311 - it has to repeat
        world.heal()
        for orchestrator in world.crew:
            orchestrator.is_stopped = False
        for _ in range(DEADLINES // (2 * MINUTE)):
            if all(world.status(each) in FINAL for each in self.instances):
                break
            world.live(2 * MINUTE, dice)
        world.live(2 * MINUTE, dice)
        at_once(world.sweep())
        for instance_id in self.instances:
            self.is_well(instance_id)
        assert not world.unfinished()
        self.costs_are_those_of_the_machines()

    def is_well(self, instance_id: InstanceId) -> None:
        world = self.world
        status = world.status(instance_id)
        assert status in FINAL, world.history(instance_id)
        assert status in AT_REST or instance_id not in self.given_up
        expected = (
            [world.instance(instance_id).provider_instance_id]
            if status is InstanceStatus.READY
            else []
        )
        machines = [machine.id for machine in world.machines_of(instance_id)]
        assert machines == expected, world.history(instance_id)

    def costs_are_those_of_the_machines(self) -> None:
        rentals = self.world.database.table(Rental).values()
        billed = sorted(rental.machine_id for rental in rentals if rental.ended_at is None)
        assert billed == sorted(self.world.cloud.machines)


def test_whatever_happens_nothing_is_lost_rented_twice_or_left_undone() -> None:
    run_state_machine_as_test(
        Lifecycle, settings=settings(max_examples=EXAMPLES, stateful_step_count=40)
    )
