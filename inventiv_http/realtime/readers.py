"""One who reads the feed: an open response, written to by whoever has something for it."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias
from uuid import UUID

import structlog

from inventiv_core.realtime.entities import Watch
from inventiv_http.kernel.answers import part

Send: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


class Line(Protocol):
    """The connection of a reader."""

    @property
    def has_room(self) -> bool:
        """Whether it takes more."""
        ...

    def write(self, data: bytes) -> None:
        """Send a part of the answer, as it goes over the wire."""
        ...

    def abort(self) -> None:
        """Cut the line, with whatever has not been read."""
        ...


class Part:
    """A piece of an answer: one object, and one piece of memory, for all who get the same."""

    __slots__ = ("chunk", "message")

    def __init__(self, body: bytes, *, is_last: bool = False) -> None:
        self.message = part(body, is_last=is_last)
        """As ASGI has it."""
        self.chunk = b"%x\r\n%b\r\n" % (len(body), body)
        """As it goes over the wire, where answers have no length (RFC 9112, section 7.1)."""


class Reader:
    """Takes what it is given at once, or is let go: nothing is kept for it here.

    What waits for a slow reader is in the buffers of its connection: the kernel's, and the
    server's, which takes more only while it holds less than 64 KiB.
    """

    __slots__ = (
        "_line", "_send", "_task",
        "expires_at", "has_ended", "is_live", "user_id", "was_cut", "watch",
    )  # fmt: skip

    def __init__(self, line: Line | None, send: Send, *, user_id: UUID | None) -> None:
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
        self._line = line
        """``None`` at a server that does not show it."""
        self._task = asyncio.current_task()

    def push(self, piece: Part) -> None:
        """Write ``piece`` now; if there is no room for it, let the reader go."""
        if self.has_ended:
            return
        if self._line is None:
            self._send_now(piece)
        elif self._line.has_room:
            self._line.write(piece.chunk)
        else:
            self.cut()

    def _send_now(self, piece: Part) -> None:
        """Send in the words of ASGI, which cost more.

        A server's ``send`` waits only while its buffer is too full, and has written nothing then.
        """
        sending = self._send(piece.message)
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
        if self.is_live and not self.has_ended:
            self._send_now(piece)  # the server has to know that it is the last
        self.has_ended = True

    def cut(self) -> None:
        """Cut the line, with whatever has not been read."""
        self.has_ended = self.was_cut = True
        if self._line is not None:
            self._line.abort()
        elif self._task is not None:
            self._task.cancel()
