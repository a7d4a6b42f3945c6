"""One who reads the feed: an open response, written to by whoever has something for it."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import structlog

from inventiv_core.realtime.entities import Watch

Send: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]
Part: TypeAlias = dict[str, object]
"""A message of ASGI: one object for all who get the same."""

log = structlog.get_logger(__name__)


def part(body: bytes, *, is_last: bool = False) -> Part:
    """Return what is sent for a piece of the answer."""
    return {"type": "http.response.body", "body": body, "more_body": not is_last}


class Reader:
    """Takes what it is given at once, or is let go: nothing is kept for it here.

    What waits for a slow reader is in the buffers of its connection: the kernel's, and the
    server's, which takes more only while it holds less than 64 KiB.
    """

    __slots__ = (
        "_send", "_task", "_transport",
        "expires_at", "has_ended", "is_live", "user_id", "was_cut", "watch",
    )  # fmt: skip

    def __init__(self, receive: Any, send: Send, *, user_id: UUID | None) -> None:
        self.user_id = user_id
        self.expires_at = datetime.max.replace(tzinfo=UTC)
        self.watch: Watch | None = None
        self.is_live = False
        """Whether it gets what happens, as it happens."""
        self.has_ended = False
        """Whether it gets nothing more."""
        self.was_cut = False
        """Whether it ended in the middle of something."""
        self._send = send
        # ASGI has no word for hanging up, but what uvicorn's messages come from has the line
        self._transport: Any = getattr(getattr(receive, "__self__", None), "transport", None)
        self._task = asyncio.current_task()

    def push(self, piece: Part) -> None:
        """Write ``piece`` now; if there is no room for it, let the reader go.

        A server's ``send`` waits only while its buffer is too full, and has written nothing then.
        """
        if self.has_ended:
            return
        sending = self._send(piece)
        try:
            sending.send(None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - a broken line must not keep the others waiting
            log.warning("reader_lost", error=repr(error))
        sending.close()
        self.cut()

    def end(self, piece: Part) -> None:
        """Write the last ``piece``; who is not live yet looks at `has_ended` and writes it."""
        if self.is_live:
            self.push(piece)
        self.has_ended = True

    def cut(self) -> None:
        """Cut the line, with whatever has not been read."""
        self.has_ended = self.was_cut = True
        if self._transport is not None:
            self._transport.abort()
        elif self._task is not None:
            self._task.cancel()
