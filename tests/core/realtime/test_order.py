"""Whatever the bus does: each event once, in order."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.identity.events import AccessChanged
from inventiv_core.kernel.bus import Message, Stretch
from inventiv_core.realtime.entities import InOrder
from tests.builders import ALICE, NOON

EVENT = AccessChanged(user_id=ALICE, occurred_at=NOON)


def message(number: int) -> Message:
    return Message(id=number, event=EVENT)


def ids(messages: Sequence[Message]) -> list[int]:
    return [each.id for each in messages]


def stretch(after: int, until: int, *, unknown: frozenset[int] = frozenset()) -> Stretch:
    """Return a piece of a log in which some events are of a newer version."""
    known = [number for number in range(after + 1, until + 1) if number not in unknown]
    return Stretch(
        messages=[message(number) for number in known], until=until, newest=until, is_whole=True
    )


def test_what_comes_in_order_passes() -> None:
    order = InOrder(5)
    assert ids(order.take(message(6))) == [6]
    assert ids(order.take(message(7))) == [7]
    assert (order.last, order.has_gap) == (7, False)


def test_what_comes_twice_passes_once() -> None:
    order = InOrder(5)
    order.take(message(6))
    assert [ids(order.take(message(number))) for number in (6, 5, 1)] == [[], [], []]
    assert not order.has_gap


def test_what_comes_early_waits_for_what_is_missing() -> None:
    order = InOrder(0)
    assert [ids(order.take(message(number))) for number in (3, 2, 3)] == [[], [], []]
    assert order.has_gap
    assert ids(order.take(message(1))) == [1, 2, 3]
    assert not order.has_gap


def test_what_is_missing_is_filled_in_from_the_log() -> None:
    order = InOrder(0)
    for number in (3, 4, 6):
        order.take(message(number))
    assert ids(order.fill(stretch(0, 3))) == [1, 2, 3, 4]
    assert (order.last, order.has_gap) == (4, True)


def test_a_piece_of_the_log_that_comes_late_is_no_news() -> None:
    order = InOrder(0)
    for number in (1, 2, 3):
        order.take(message(number))
    assert ids(order.fill(stretch(0, 2))) == []
    assert order.last == 3


def test_what_this_version_does_not_know_is_passed_over() -> None:
    order = InOrder(0)
    order.take(message(4))
    assert ids(order.fill(stretch(0, 3, unknown=frozenset({2, 3})))) == [1, 4]
    assert order.last == 4


def test_what_is_too_far_ahead_is_not_kept_but_still_missed() -> None:
    order = InOrder(0, most_ahead=2)
    for number in (2, 3, 4):
        order.take(message(number))
    assert order.has_gap
    assert ids(order.take(message(1))) == [1]
    assert ids(order.fill(stretch(1, 3))) == [2, 3, 4]


@given(
    steps=st.lists(st.tuples(st.integers(0, 12), st.booleans())),
    unknown=st.frozensets(st.integers(1, 12)),
)
def test_every_event_that_is_known_passes_once_and_in_order(
    steps: list[tuple[int, bool]], unknown: frozenset[int]
) -> None:
    order, passed = InOrder(0, most_ahead=4), list[Message]()
    for number, is_read in steps:
        if is_read:
            passed += order.fill(stretch(order.last, max(order.last, number), unknown=unknown))
        elif number > 0 and number not in unknown:
            passed += order.take(message(number))
        assert ids(passed) == [n for n in range(1, order.last + 1) if n not in unknown]
    passed += order.fill(stretch(order.last, 12, unknown=unknown))
    assert ids(passed) == [number for number in range(1, 13) if number not in unknown]
    assert not order.has_gap
