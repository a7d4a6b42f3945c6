"""Events of finops as others know them, on a channel of theirs."""

from typing import Any, Final

import msgspec

from inventiv_core.finops.events import CreditsAdded, InstanceCostStarted, InstanceCostStopped
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent

CHANNEL: Final = "finops_events"
_SOURCE: Final = "inventiv-orchestrator/services"
_TERMINATOR: Final = "inventiv-orchestrator/terminator_job"
_WATCH_DOG: Final = "inventiv-orchestrator/watch_dog_job"


def enveloped(message: Message) -> tuple[str, bytes] | None:
    """Return the channel and the envelope; ``None`` for what others do not know."""
    event: DomainEvent = message.event
    match event:
        case InstanceCostStarted():
            kind, source, payload = "EVT:INSTANCE_COST_START", _SOURCE, _started(event)
        case InstanceCostStopped():
            kind, payload = "EVT:INSTANCE_COST_STOP", _stopped(event)
            source = _WATCH_DOG if event.reason == "provider_deleted" else _TERMINATOR
        case CreditsAdded():
            kind, source, payload = "EVT:CREDITS_ADDED", "inventiv-finops", _credited(event)
        case _:
            return None
    envelope = {
        "event_id": event.event_id,
        "type": kind,
        "occurred_at": event.occurred_at,
        "payload": payload,
        "source": source,
    }
    return CHANNEL, msgspec.json.encode(envelope)


def _started(event: InstanceCostStarted) -> dict[str, Any]:
    return {
        "instance_id": event.instance_id,
        "provider_id": event.provider_id,
        "instance_type_id": event.instance_type_id,
        "provider_instance_id": event.provider_instance_id,
        "note": event.note,
    }


def _stopped(event: InstanceCostStopped) -> dict[str, Any]:
    return {
        "instance_id": event.instance_id,
        "provider_id": event.provider_id,
        "provider_instance_id": event.provider_instance_id,
        "reason": event.reason,
    }


def _credited(event: CreditsAdded) -> dict[str, Any]:
    return {
        "organization_id": event.organization_id,
        "user_id": event.user_id,
        "amount_eur": float(event.amount_eur),
        "balance_eur": float(event.balance_eur),
    }
