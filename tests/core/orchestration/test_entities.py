"""How patient the reconciler is, and which machine it keeps."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.cloud.entities import Machine, MachineState, MachineTag
from inventiv_core.orchestration.entities import Patience, keeper
from tests.builders import ACME, NOON, a_number

PATIENCE = Patience()
CHANCES = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10_000), CHANCES)
def test_every_wait_is_between_the_first_and_the_last(attempts: int, chance: float) -> None:
    wait = PATIENCE.back_off(attempts, chance)
    assert PATIENCE.first_retry / 2 <= wait <= PATIENCE.last_retry


@given(CHANCES)
def test_waits_double_until_the_last(chance: float) -> None:
    waits = [PATIENCE.back_off(attempts, chance) for attempts in range(20)]
    for before, after in pairwise(waits[:6]):
        assert abs(after - 2 * before) < timedelta(milliseconds=1)
    assert len(set(waits[6:])) == 1


@given(st.integers(0, 20))
def test_chance_spreads_a_wait_over_its_second_half(attempts: int) -> None:
    assert PATIENCE.back_off(attempts, 0.0) * 2 == PATIENCE.back_off(attempts, 1.0)


def a_machine(*, age_s: int) -> Machine:
    number = a_number()
    return Machine(
        id=str(number),
        zone="local",
        instance_type="small",
        tag=MachineTag(installation_id=number, organization_id=ACME, instance_id=number),
        state=MachineState.RUNNING,
        ip_address=None,
        created_at=NOON - timedelta(seconds=age_s),
    )


def test_whoever_looks_keeps_the_same_machine() -> None:
    old, newer, twin = a_machine(age_s=2), a_machine(age_s=1), a_machine(age_s=2)
    for machines in permutations((old, newer, twin)):
        assert keeper(machines, newer.id) is newer
        assert keeper(machines, None) is old
        assert keeper(machines, "gone") is old


@given(st.lists(st.integers(0, 5), min_size=1))
def test_without_a_record_nothing_older_is_given_up(ages: Sequence[int]) -> None:
    machines = tuple(a_machine(age_s=age) for age in ages)
    kept = keeper(machines, None)
    assert all(kept.created_at <= machine.created_at for machine in machines)


def test_only_long_waits_are_spread_and_never_made_longer() -> None:
    patience = Patience()
    waits = [patience.spread(patience.watch, chance) for chance in (0.0, 0.5, 1.0)]
    assert waits == [0.8 * patience.watch, 0.9 * patience.watch, patience.watch]
    assert patience.spread(patience.poll, 0.0) == patience.poll
