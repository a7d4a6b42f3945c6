"""What an orchestrator of others is told, in its own words, on its own channel.

Where two versions of it read different keys, both are there: what it does not know, it ignores.
Publish and subscribe deliver at most once: an orchestrator looks through the tables as well.
"""

from typing import Any, Final

import msgspec

from inventiv_core.commands.events import CommandHandedOver
from inventiv_core.instances.events import (
    ProvisioningRequested,
    ReinstallRequested,
    TerminationRequested,
)
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent

CHANNEL: Final = "orchestrator_events"
_COMMANDS: Final = {"reconcile": "CMD:RECONCILE", "sync_catalog": "CMD:SYNC_CATALOG"}


def commanded(message: Message) -> tuple[str, bytes] | None:
    """Return the channel and the command; ``None`` for what is none of its business."""
    event: DomainEvent = message.event
    match event:
        case ProvisioningRequested():
            command = _provision(event)
        case TerminationRequested():
            command = _about("CMD:TERMINATE", event)
        case ReinstallRequested():
            command = _about("CMD:REINSTALL", event)
        case CommandHandedOver(kind=kind):
            command = {"type": _COMMANDS[kind]}
        case _:
            return None
    return CHANNEL, msgspec.json.encode(command)


def _about(kind: str, event: TerminationRequested | ReinstallRequested) -> dict[str, Any]:
    return {
        "type": kind,
        "instance_id": event.instance_id,
        "correlation_id": event.correlation_id,
    }


def _provision(event: ProvisioningRequested) -> dict[str, Any]:
    return {
        "type": "CMD:PROVISION",
        "instance_id": event.instance_id,
        "zone": event.zone,
        "instance_type": event.instance_type,
        "provider_id": event.provider_id,
        "zone_id": event.zone_id,
        "instance_type_id": event.instance_type_id,
        "model_id": event.model_id,
        "correlation_id": event.correlation_id,
    }
