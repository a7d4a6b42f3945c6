"""Events as JSON, and back."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.kernel.events import decode, encode, known, revive
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent, TenantEvent
from tests.builders import NOON, Market, an_action

moments = st.datetimes(timezones=st.just(NOON.tzinfo))
st.register_type_strategy(type(NOON), moments)
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))  # money


def test_every_kind_of_event_is_known_once() -> None:
    kinds = list(known())
    assert {TenantEvent, InstanceChanged, ActionLogged} <= set(kinds)
    assert len({kind.__name__ for kind in kinds}) == len(kinds)


def test_no_ghost_of_a_dataclass_with_slots_is_known() -> None:
    slots = {kind: {field.name for field in fields(kind)} for kind in known()}
    for kind, names in slots.items():
        assert names == {name for base in kind.__mro__ for name in getattr(base, "__slots__", ())}


@pytest.mark.parametrize("kind", list(known()), ids=lambda kind: kind.__name__)
@given(data=st.data(), number=st.integers(min_value=0, max_value=2**63 - 1))
def test_an_event_comes_back_equal(
    kind: type[DomainEvent], data: st.DataObject, number: int
) -> None:
    message = Message(id=number, event=data.draw(st.from_type(kind)))
    received = decode(encode(message))
    assert received == message
    assert received is not None
    assert type(received.event) is kind


@pytest.mark.parametrize(
    "event",
    [
        InstanceChanged.of(Market().instance(), at=NOON),
        ActionLogged.of(an_action()),
        ActionLogged.of(an_action().succeed(at=NOON)),
    ],
)
def test_what_happens_comes_back_equal(event: DomainEvent) -> None:
    assert decode(encode(Message(id=1, event=event))) == Message(id=1, event=event)


@pytest.mark.parametrize("name", ["NobodyKnows", "", "InstanceChanged_", "object", "Message"])
def test_what_a_newer_version_says_is_passed_over(name: str) -> None:
    assert revive(1, name, {"occurred_at": "2026-01-01T12:00:00Z"}) is None


def test_what_a_newer_version_says_in_addition_is_passed_over() -> None:
    payload: dict[str, Any] = {"occurred_at": "2026-01-01T12:00:00Z", "more": [1]}
    assert revive(1, "DomainEvent", payload) is None
    assert revive(1, "TenantEvent", payload | {"organization_id": None}) == Message(
        id=1, event=TenantEvent(occurred_at=NOON, organization_id=None)
    )
