"""``/events``"""

from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.realtime.use_cases import WatchEvents
from inventiv_http.kernel.auth import needs
from inventiv_http.realtime.feed import Feed


class Events(Controller):
    """What changes, as it changes."""

    path = "/events"
    opt = needs(Permission.VIEW_INSTANCES)
    tags = ["events"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/stream", media_type="text/event-stream", summary="Watch what changes")
    async def stream(
        self,
        actor: NamedDependency[Actor],
        watch_events: NamedDependency[WatchEvents],
        feed: NamedDependency[Feed],
        topics: FromQuery[str | None] = None,
        instance_id: FromQuery[UUID | None] = None,
    ) -> Stream:
        watch = await watch_events(topics, instance_id, actor=actor)
        return Stream(
            feed.read(watch),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
