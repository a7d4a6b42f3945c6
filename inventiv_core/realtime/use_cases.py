"""What people can do live, which is to watch; and how events get to them."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.bus import Bus, Relay
from inventiv_core.kernel.clock import Clock
from inventiv_core.realtime.entities import Watch, topics


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvents:
    """Watch what changes in the actor's organization."""

    async def __call__(
        self, topic_list: str | None, instance_id: UUID | None, *, actor: Actor
    ) -> Watch | None:
        """Return what the actor may watch; ``None`` in the personal workspace: nothing happens."""
        actor.must(Permission.VIEW_INSTANCES)
        if actor.organization_id is None:
            return None
        return Watch(
            organization_id=actor.organization_id,
            topics=topics(topic_list),
            instance_id=instance_id,
            actions_allowed=Permission.VIEW_ACTIONS in actor.permissions,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayEvents:
    """Take events from the outbox to the bus."""

    relay: Relay
    bus: Bus

    async def __call__(self, *, actor: Actor) -> int:
        """Deliver what waits; return how many events it was."""
        actor.must(Permission.OPERATE)
        return await self.relay.deliver(self.bus.publish)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetEvents:
    """Drop events that were published long ago."""

    relay: Relay
    clock: Clock
    keep_events: timedelta

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were dropped."""
        actor.must(Permission.OPERATE)
        return await self.relay.forget(before=self.clock.now() - self.keep_events)
