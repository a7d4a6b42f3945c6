"""Time and chance."""

from datetime import UTC, datetime, timedelta

from inventiv_adapters.kernel.chance import SeededChance, SystemChance
from inventiv_adapters.kernel.clock import ManualClock, SystemClock
from tests.builders import NOON


def test_the_clock_of_the_machine_is_in_utc_and_right() -> None:
    before, now, after = datetime.now(UTC), SystemClock().now(), datetime.now(UTC)
    assert before <= now <= after
    assert now.tzinfo is UTC


def test_a_manual_clock_moves_only_when_told_to() -> None:
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.advance(timedelta(seconds=90))
    assert clock.now() == NOON + timedelta(seconds=90)


def test_chance_is_between_nothing_and_one() -> None:
    for chance in (SystemChance(), SeededChance(0)):
        drawn = [chance() for _ in range(1000)]
        assert all(0 <= number < 1 for number in drawn)
        assert len(set(drawn)) > 900


def test_the_same_seed_falls_the_same_way() -> None:
    first, again, other = SeededChance(1), SeededChance(1), SeededChance(2)
    drawn = [first() for _ in range(5)]
    assert [again() for _ in range(5)] == drawn
    assert [other() for _ in range(5)] != drawn
