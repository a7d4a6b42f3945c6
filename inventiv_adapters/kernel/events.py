"""Events as JSON, and back."""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent


class WireMessage(msgspec.Struct, frozen=True):
    """A message as it travels between processes."""

    id: int
    name: str
    payload: Mapping[str, Any]


def known(kind: type[DomainEvent] = DomainEvent) -> Iterator[type[DomainEvent]]:
    """Yield every kind of event there is.

    A dataclass with slots replaces the class it was made from, of which a ghost may
    still be among the subclasses: only what its module knows by its name is real.
    """
    for event in kind.__subclasses__():
        if getattr(sys.modules[event.__module__], event.__name__, None) is event:
            yield event
        yield from known(event)


@cache
def _by_name(name: str) -> type[DomainEvent] | None:
    return next((event for event in known() if event.__name__ == name), None)


def revive(id: int, name: str, payload: Mapping[str, Any]) -> Message | None:
    """Return the message, or ``None`` if a newer version sent what this one does not know."""
    event = _by_name(name)
    if event is None:
        return None
    return Message(id=id, event=msgspec.convert(payload, event, strict=False))


def encode(message: Message) -> bytes:
    """Return the message as JSON."""
    payload = msgspec.to_builtins(message.event)
    return msgspec.json.encode(WireMessage(message.id, type(message.event).__name__, payload))


def decode(data: bytes) -> Message | None:
    """Return the message that `encode` made, or ``None`` if it is nothing that is known here."""
    try:
        wire = msgspec.json.decode(data, type=WireMessage)
        return revive(wire.id, wire.name, wire.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
