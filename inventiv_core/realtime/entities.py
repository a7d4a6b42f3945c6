"""A watch: which events somebody wants, and may have; and the order in which events are told."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.identity.events import ActRecorded
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message, Stretch
from inventiv_core.kernel.events import DomainEvent


class Topic(StrEnum):
    """What one can watch."""

    INSTANCES = "instances"
    ACTIONS = "actions"


_NAMES: Final = {
    "instances": Topic.INSTANCES,
    "actions": Topic.ACTIONS,
    "action_logs": Topic.ACTIONS,
}

DEFAULT_TOPICS: Final = frozenset(Topic)


def topics(text: str | None) -> frozenset[Topic]:
    """Return the topics in a comma-separated list. Unknown ones are ignored; no list means all."""
    if text is None:
        return DEFAULT_TOPICS
    names = (name.strip().lower() for name in text.split(","))
    return frozenset(_NAMES[name] for name in names if name in _NAMES)


def event_number(text: str | None) -> int | None:
    """Return which event a client says it has had last; ``None`` if it says nothing.

    What cannot be a number of ours is older than all that is known.
    """
    text = (text or "").strip()
    if not text:
        return None
    return int(text) if re.fullmatch("[0-9]{1,19}", text) else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one client watches: one organization's events of some topics."""

    organization_id: UUID
    topics: frozenset[Topic]
    instance_id: UUID | None = None
    """Narrows down actions, and only actions."""
    actions_allowed: bool = True

    def wants(self, event: DomainEvent) -> bool:
        """Tell whether the client is to get ``event``."""
        match event:
            case InstanceChanged(organization_id=owner):
                return owner == self.organization_id and Topic.INSTANCES in self.topics
            case ActionLogged(organization_id=owner, instance_id=instance_id):
                return (
                    owner == self.organization_id
                    and self.actions_allowed
                    and Topic.ACTIONS in self.topics
                    and self.instance_id in {None, instance_id}
                )
            case ActRecorded(organization_id=owner):
                return (
                    owner == self.organization_id
                    and self.actions_allowed
                    and Topic.ACTIONS in self.topics
                    and self.instance_id is None
                )
            case _:
                return False


class InOrder:
    """The events of everybody, each once and in order, whatever the bus does with them.

    The bus repeats and loses; both show in the numbers, of which none is left out.
    """

    def __init__(self, last: int, *, most_ahead: int = 10_000) -> None:
        self.last = last
        """The number of the last event that was let through."""
        self._ahead: dict[int, Message] = {}
        self._most_ahead = most_ahead

    @property
    def has_gap(self) -> bool:
        """Whether something is missing: it is in the log."""
        return bool(self._ahead)

    def take(self, message: Message) -> list[Message]:
        """Take what the bus has brought; return what is to be told now."""
        if message.id > self.last:
            if len(self._ahead) >= self._most_ahead:
                self._ahead.clear()  # the log has them, too
            self._ahead[message.id] = message
        return self._ready()

    def fill(self, stretch: Stretch) -> list[Message]:
        """Take a whole piece of the log, read from a point not after `last`; return likewise."""
        missing = [message for message in stretch.messages if message.id > self.last]
        self.last = max(self.last, stretch.until)
        for number in [number for number in self._ahead if number <= self.last]:
            del self._ahead[number]
        return [*missing, *self._ready()]

    def _ready(self) -> list[Message]:
        ready: list[Message] = []
        while (message := self._ahead.pop(self.last + 1, None)) is not None:
            self.last = message.id
            ready.append(message)
        return ready
