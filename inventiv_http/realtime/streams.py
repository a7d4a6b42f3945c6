"""A stream of events: one answer, which lasts as long as both sides like."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

import structlog
from litestar.types import Receive, Scope

from inventiv_core.kernel.bus import Stretch
from inventiv_core.realtime.entities import Watch
from inventiv_http.connections.protocol import LINE
from inventiv_http.kernel.answers import part
from inventiv_http.realtime.feed import Feed
from inventiv_http.realtime.frames import hello
from inventiv_http.realtime.readers import Reader, Send

STALL_S = 30.0
"""How long somebody who reads what was missed may take for one page of it."""

_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)

log = structlog.get_logger(__name__)


Replay: TypeAlias = Callable[[Watch, int, int], Awaitable[Stretch]]
"""Reads a page of what a watch wants and comes after a number, up to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What somebody may watch, until when, and how to learn what they missed."""

    watch: Watch | None
    """``None`` in the personal workspace, where nothing happens."""
    expires_at: datetime
    replay: Replay


class LiveEvents:
    """An answer in the words of ASGI: what happens is written by the feed, not from here.

    ``judge`` finds out who is asking, and what they may watch, at the moment it is called.
    """

    def __init__(
        self,
        feed: Feed,
        judge: Callable[[], Awaitable[Subscription]],
        *,
        user_id: UUID | None,
        last_id: int | None,
    ) -> None:
        self._feed = feed
        self._judge = judge
        self._user_id = user_id
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        """Answer."""
        shown = cast("dict[str, Any]", scope)
        reader = Reader(shown.get(LINE), send, user_id=self._user_id)
        try:
            await self._begin(reader, receive, send)
            del self._judge  # many readers wait for long: each keeps no more than it needs
            shown.pop("user", None)
            if reader.has_ended and not reader.is_live:
                await send(self._feed.goodbye().message)
            else:
                await _left(receive)
        except asyncio.CancelledError:
            if not reader.was_cut:
                raise
        finally:
            self._feed.leave(reader)

    async def _begin(self, reader: Reader, receive: Receive, send: Send) -> None:
        """Greet ``reader``, tell it what it has missed, and have it hear what happens."""
        await self._feed.enter(reader)
        # only from here on would the reader end with its session: so it is judged anew
        subscription = await self._judge()
        reader.watch, reader.expires_at = subscription.watch, subscription.expires_at
        # of this answer alone: on its way, its id is added to it
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        if self._last_id is not None and reader.watch is not None:
            await send(part(hello()))
            replay = partial(subscription.replay, reader.watch)
            await self._catch_up(reader, replay, self._last_id, receive, send)
        elif reader.has_ended:
            await send(part(hello()))
        else:
            self._feed.greet(reader)

    async def _catch_up(
        self,
        reader: Reader,
        replay: Callable[[int, int], Awaitable[Stretch]],
        after: int,
        receive: Receive,
        send: Send,
    ) -> None:
        """Write what was missed, page by page, until there is nothing but the present."""
        gone = asyncio.ensure_future(_left(receive))
        known = after
        try:
            while not (reader.has_ended or gone.done()):
                if not await self._feed.reach(after):
                    self._feed.start_over(reader)
                    return
                until = self._feed.position
                if after == until:
                    # nothing was awaited since the position was read: nothing can be between
                    self._feed.go_on(reader, known=known)
                    return
                async with self._feed.replaying:
                    page = await replay(after, until)
                if not page.is_whole:
                    self._feed.start_over(reader)
                    return
                if page.messages:
                    async with asyncio.timeout(STALL_S):
                        await send(part(self._feed.encode(page.messages, until=page.until)))
                    known = page.until
                after = page.until
        except TimeoutError:
            reader.cut()
        except Exception as error:  # noqa: BLE001 - too late for a status: they come back
            log.warning("replay_failed", error=repr(error))
            reader.has_ended = True
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone


async def _left(receive: Receive) -> None:
    """Return when the answer is over: the reader has left, or was let go."""
    while (await receive())["type"] != "http.disconnect":
        pass
