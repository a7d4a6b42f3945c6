"""An end to the patience with clients who send or take next to nothing, or far too much.

Uvicorn waits for ever for the rest of a request, and for whoever does not take an answer. Here
all connections are looked at once a second: no request has a timer of its own.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from inventiv_http.connections.protocol import Connection

SLOWEST_BYTES_PER_S: Final = 1000
"""A body that comes faster than this is waited for, however long it takes."""

_HEAD_BYTES: Final = 64 * 1024
"""The longest head of a request, give or take what comes with its beginning."""
_LOOKS_S: Final = 1.0
_LOOKS: Final = 10
"""How often a connection is looked at, at least, before patience with it ends."""


class _Waits(StrEnum):
    """What a client is waited for."""

    NEXT = "next"
    """The next request. Nobody has promised one."""
    HEAD = "head"
    BODY = "body"
    TAKING = "taking"
    """That it takes what is there for it."""
    LEAVING = "leaving"
    """That it has read why it was refused, and hangs up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long clients may take, and how much they may send."""

    sends_s: float
    """For the head of a request; and for a body, beyond the time its bytes are worth."""
    takes_s: float
    """Until they take more of an answer."""
    request_bytes: int
    """More than any request can have, with its chunks' heads."""


class PatientConnection(Connection):
    """A connection that knows whether its client is still worth waiting for."""

    __slots__ = (
        "_had_bytes", "_has_begun", "_is_refused", "_patience", "_received_bytes",
        "_request_bytes", "_since", "_waited_for",
    )  # fmt: skip

    def __init__(self, *args: Any, patience: Patience, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience = patience
        self._has_begun = False
        self._is_refused = False
        self._request_bytes = self._received_bytes = self._had_bytes = 0
        self._waited_for: tuple[_Waits, int] | None = None
        self._since = 0.0

    def on_message_begin(self) -> None:
        """Count anew."""
        self._has_begun = True
        super().on_message_begin()

    def data_received(self, data: bytes) -> None:
        """Take what has come, and see that it is not too much."""
        if self._is_refused:
            return
        self.is_idle = False
        super().data_received(data)
        size = len(data)
        self._received_bytes += size
        if self._has_begun:  # what came before its beginning is not its own
            self._has_begun = False
            self._request_bytes = 0
        else:
            self._request_bytes += size
            if self._request_bytes > _HEAD_BYTES:
                self._limit()

    def _limit(self) -> None:
        if self._waits() is _Waits.HEAD:
            self._refuse(b"431 Request Header Fields Too Large", b"The head is too long.")
        elif self._request_bytes > self._patience.request_bytes:
            self._refuse(b"413 Content Too Large", b"The request is too long.")

    def look(self, now: float) -> None:
        """Hang up if the client was waited for long enough."""
        waits = self._waits()
        if waits is None:
            self._waited_for = None
            return
        waited_for = (waits, self._progress(waits))
        if waited_for != self._waited_for:
            self._waited_for, self._since = waited_for, now
            self._had_bytes = self._received_bytes
            return
        waited_s = now - self._since
        if waits is _Waits.NEXT:
            if waited_s > self.timeout_keep_alive:
                self.transport.close()
            return
        if waits is _Waits.LEAVING:
            self.transport.abort()
            return
        if waits is _Waits.TAKING:
            if waited_s > self._patience.takes_s:
                self.transport.abort()
            return
        if waits is _Waits.BODY:
            waited_s -= (self._received_bytes - self._had_bytes) / SLOWEST_BYTES_PER_S
        if waited_s > self._patience.sends_s:
            self._refuse(b"408 Request Timeout", b"The request took too long to come.")

    def _waits(self) -> _Waits | None:
        """Return what the client is waited for; nothing if it is us who take our time."""
        if self._is_refused:
            return _Waits.LEAVING
        if self.flow.write_paused or self.transport.is_closing():
            return _Waits.TAKING
        if self.is_idle:
            return _Waits.NEXT
        if self.flow.read_paused:
            return None
        cycle: Any = self.cycle
        if cycle is None or (cycle.response_complete and not cycle.more_body):
            return _Waits.HEAD
        return _Waits.BODY if cycle.more_body else None

    def _progress(self, waits: _Waits) -> int:
        """Return something that changes when the client has done what it is waited for."""
        if waits is _Waits.TAKING:
            return self.transport.get_write_buffer_size()
        if waits is _Waits.NEXT:
            return self._received_bytes
        return id(self.cycle)

    def _refuse(self, status: bytes, sentence: bytes) -> None:
        """Say why, if no answer has begun, and hang up: with who may still be sending, not at once.

        Whoever is cut off while they send may never read what they were told (RFC 9112, 9.6).
        Who has not said a word is not answered: browsers open connections that they may need, and
        would take it for the answer to what they send on them next.
        """
        if self.transport.is_closing():
            return
        cycle: Any = self.cycle
        if not self._received_bytes:
            self.transport.close()
            return
        if self._waits() is not _Waits.HEAD and cycle.response_started:
            self.transport.close()
            return
        self.outgoing.write(
            b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\n\r\n%s" % (status, len(sentence), sentence)
        )
        self.outgoing.write_eof()
        self._is_refused = True
        self.flow.resume_reading()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()


async def watch(connections: Collection[Any], patience: Patience) -> None:
    """Look at all connections, again and again, until cancelled."""
    loop = asyncio.get_running_loop()
    pause_s = min(_LOOKS_S, min(patience.sends_s, patience.takes_s) / _LOOKS)
    while True:
        await asyncio.sleep(pause_s)
        now = loop.time()
        for connection in tuple(connections):
            connection.look(now)
