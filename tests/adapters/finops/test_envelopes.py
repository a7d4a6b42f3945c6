"""What others are told of costs, in their words."""

import json
from decimal import Decimal
from uuid import UUID

from inventiv_adapters.finops.envelopes import enveloped
from inventiv_core.finops.events import (
    CreditsAdded,
    InstanceCostStarted,
    InstanceCostStopped,
    StopReason,
)
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent
from tests.builders import ACME, NOON

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


def told(event: DomainEvent) -> dict[str, object]:
    sent = enveloped(Message(id=7, event=event))
    assert sent is not None
    channel, body = sent
    assert channel == "finops_events"
    envelope: dict[str, object] = json.loads(body)
    assert envelope.pop("event_id") == str(ONE)
    assert envelope.pop("occurred_at") == "2026-01-01T12:00:00Z"
    return envelope


def test_that_costs_began() -> None:
    event = InstanceCostStarted(
        event_id=ONE, organization_id=ACME, instance_id=TWO, provider_id=THREE,
        instance_type_id=None, provider_instance_id="m", note="status=booting", occurred_at=NOON,
    )  # fmt: skip
    assert told(event) == {
        "type": "EVT:INSTANCE_COST_START",
        "source": "inventiv-orchestrator/services",
        "payload": {
            "instance_id": str(TWO),
            "provider_id": str(THREE),
            "instance_type_id": None,
            "provider_instance_id": "m",
            "note": "status=booting",
        },
    }


def test_that_costs_ended_and_who_noticed() -> None:
    sources = {
        StopReason.TERMINATION_CONFIRMED: "inventiv-orchestrator/terminator_job",
        StopReason.NO_PROVIDER_RESOURCE: "inventiv-orchestrator/terminator_job",
        StopReason.PROVIDER_DELETED: "inventiv-orchestrator/watch_dog_job",
    }
    for reason, source in sources.items():
        event = InstanceCostStopped(
            event_id=ONE, organization_id=ACME, instance_id=TWO, provider_id=THREE,
            provider_instance_id="m", reason=reason, occurred_at=NOON,
        )  # fmt: skip
        assert told(event) == {
            "type": "EVT:INSTANCE_COST_STOP",
            "source": source,
            "payload": {
                "instance_id": str(TWO),
                "provider_id": str(THREE),
                "provider_instance_id": "m",
                "reason": reason,
            },
        }


def test_that_a_wallet_was_topped_up() -> None:
    event = CreditsAdded(
        event_id=ONE, organization_id=ACME, user_id=None, amount_eur=Decimal("5.5"),
        balance_eur=Decimal(7), occurred_at=NOON,
    )  # fmt: skip
    assert told(event)["type"] == "EVT:CREDITS_ADDED"


def test_others_hear_nothing_else() -> None:
    event = InstanceChanged(instance_id=ONE, organization_id=ACME, status="ready", occurred_at=NOON)
    assert enveloped(Message(id=7, event=event)) is None
