"""A watch: which events somebody wants, and may have."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.identity.events import ActRecorded
from inventiv_core.instances.events import InstanceChanged
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
