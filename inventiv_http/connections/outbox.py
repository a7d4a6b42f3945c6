"""What is written in one turn of the loop, sent at its end.

On a busy server a write is a system call that wakes somebody up, on another processor, which costs
more than all else that is done for a small answer. Written one after the other, the first of them
wakes, and the others find whoever reads awake; and a head and the beginning of its body, which
uvicorn writes apart, are one packet.

While there is but one who is written to in each turn, nobody is kept waiting for that.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

_ALONE: Final = 4
"""After so many turns in a row with one who was written to, the next is written to at once."""


class Outbox:
    """Keeps what is written until the loop's next turn. One for each process."""

    __slots__ = ("_alone", "_at_once", "_errands", "_is_due", "_loop", "_waiting", "has_lines")

    def __init__(self) -> None:
        self.has_lines = False
        """Whether answers go out by way of it: another server has ways of its own."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """Asked for once: Python asks the system each time whether the process is still itself."""
        self._alone = 0
        self._at_once: asyncio.WriteTransport | None = None
        """Who was written to at once in this turn."""
        self._is_due = False
        self._errands: list[Callable[[], None]] = []
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send, soon: perhaps more follows, and is one packet with it."""
        self._be_due()
        self._waiting.append((transport, data))

    def post(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send a whole message, soon; at once if nobody else is written to these days."""
        self._be_due()
        if self._alone < _ALONE or self._waiting or self._at_once not in {None, transport}:
            self._waiting.append((transport, data))
            return
        self._at_once = transport
        self._do_errands()
        if not transport.is_closing():
            transport.write(data)

    def before(self, errand: Callable[[], None]) -> None:
        """Have something done before anything is sent that is written from now on."""
        if not self.has_lines:
            errand()
            return
        self._be_due()
        self._errands.append(errand)

    def write_now(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send, at once: for who has many to write to, one after the other, as it is."""
        if self._waiting or self._errands:
            self.write(transport, data)  # what waits goes first
        elif not transport.is_closing():
            transport.write(data)

    def flush(self) -> None:
        """Send, now: what goes to one and the same, and in a row, in one piece."""
        at_once, self._at_once, self._is_due = self._at_once, None, False
        waiting, self._waiting = self._waiting, []
        try:
            self._do_errands()
        finally:
            written_to = _send(waiting) + (at_once is not None)
            self._alone = self._alone + 1 if written_to <= 1 else 0

    def _do_errands(self) -> None:
        errands, self._errands = self._errands, []
        for errand in errands:
            errand()

    def _be_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self.flush)


def _send(waiting: Iterable[tuple[asyncio.WriteTransport, bytes]]) -> int:
    """Return to how many; whoever comes up again counts again."""
    last: asyncio.WriteTransport | None = None
    held = b""
    written_to = 0
    for transport, data in waiting:
        if transport is last:
            held += data
            continue
        if last is not None and not last.is_closing():
            last.write(held)
        last, held = transport, data
        written_to += 1
    if last is not None and not last.is_closing():
        last.write(held)
    return written_to


class LateTransport:
    """A transport that writes by way of an outbox."""

    __slots__ = ("_outbox", "_transport")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        outbox.has_lines = True

    def write(self, data: bytes) -> None:
        """Send, soon."""
        self._outbox.write(self._transport, data)

    def post(self, data: bytes) -> None:
        """Send a whole message."""
        self._outbox.post(self._transport, data)

    def close(self) -> None:
        """Close the connection when all is sent."""
        self._outbox.flush()
        self._transport.close()

    def write_eof(self) -> None:
        """Send all there is, and say that it is all."""
        self._outbox.flush()
        self._transport.write_eof()

    def is_closing(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all else."""
        return getattr(self._transport, name)
