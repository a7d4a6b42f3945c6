"""``/events``"""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, HeaderParameter
from litestar.types import ASGIApp

from inventiv_core.identity.access import Permission
from inventiv_core.identity.use_cases.recognition import Recognised, RecogniseSession
from inventiv_core.realtime.entities import event_number
from inventiv_core.realtime.use_cases import ReplayEvents, WatchEvents
from inventiv_http.kernel.auth import caller, needs, session_token
from inventiv_http.realtime.feed import Feed
from inventiv_http.realtime.streams import LiveEvents, Subscription


class Events(Controller):
    """What changes, as it changes."""

    path = "/events"
    opt = needs(Permission.VIEW_INSTANCES)
    tags = ["events"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/stream", media_type="text/event-stream", summary="Watch what changes")
    async def stream(
        self,
        request: Request[Recognised, Any, Any],
        feed: NamedDependency[Feed],
        recognise_session: NamedDependency[RecogniseSession],
        watch_events: NamedDependency[WatchEvents],
        replay_events: NamedDependency[ReplayEvents],
        topics: FromQuery[str | None] = None,
        instance_id: FromQuery[UUID | None] = None,
        last_event_id: FromQuery[str | None] = None,
        last_seen: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> ASGIApp:
        async def judge() -> Subscription:
            now = await recognise_session(session_token(request), actor=caller(request))
            watch = await watch_events(topics, instance_id, actor=now.actor)
            return Subscription(
                watch=watch,
                expires_at=now.session.expires_at,
                replay=partial(replay_events, actor=now.actor),
            )

        return LiveEvents(
            feed,
            judge,
            user_id=request.user.actor.user_id,
            last_id=event_number(last_seen or last_event_id),
        )
