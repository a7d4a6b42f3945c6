"""What people can do live, which is to watch; and how events get to them."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.bus import Bus, EventLog, Relay, Stretch
from inventiv_core.kernel.clock import Clock
from inventiv_core.realtime.entities import Watch, topics

PAGE_EVENTS: Final = 500
"""How much of the log is read at once."""


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
class ReplayEvents:
    """Learn what one has missed."""

    event_log: EventLog

    async def __call__(self, watch: Watch, after: int, until: int, *, actor: Actor) -> Stretch:
        """Return what ``watch`` wants of what came after a number, up to another; a page of it."""
        organization_id = actor.must_in_organization(Permission.VIEW_INSTANCES)
        page = await self.event_log.after_in(organization_id, after, until=until, limit=PAGE_EVENTS)
        wanted = [message for message in page.messages if watch.wants(message.event)]
        return replace(page, messages=wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowEvents:
    """Read what is told to anybody, so that a process misses nothing, whatever the bus loses."""

    event_log: EventLog

    async def __call__(self, after: int | None, *, actor: Actor) -> Stretch:
        """Return a page of what came after a number; without one, where the log ends."""
        actor.must(Permission.OPERATE)
        if after is not None:
            return await self.event_log.after(after, limit=PAGE_EVENTS)
        newest = await self.event_log.newest()
        return Stretch(messages=(), until=newest, newest=newest, is_whole=True)


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
