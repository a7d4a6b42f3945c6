"""What is written in one turn of the loop, sent at its end.

On a busy server a write is a system call that wakes somebody up, on another processor, which costs
more than all else that is done for a small answer. Written one after the other, the first of them
wakes, and the others find whoever reads awake; and a head and the beginning of its body, which
uvicorn writes apart, are one packet.
"""

import asyncio
from typing import Any


class Outbox:
    """Keeps what is written until the loop's next turn. One for each process."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send, soon."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((transport, data))

    def write_now(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send, at once: for who has many to write to, one after the other, as it is."""
        if self._waiting:
            self.write(transport, data)  # what waits goes first
        elif not transport.is_closing():
            transport.write(data)

    def flush(self) -> None:
        """Send, now: what goes to one and the same, and in a row, in one piece."""
        waiting, self._waiting = self._waiting, []
        last: asyncio.WriteTransport | None = None
        held = b""
        for transport, data in waiting:
            if transport is last:
                held += data
                continue
            if last is not None and not last.is_closing():
                last.write(held)
            last, held = transport, data
        if last is not None and not last.is_closing():
            last.write(held)


class LateTransport:
    """A transport that writes by way of an outbox."""

    __slots__ = ("_outbox", "_transport")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox

    def write(self, data: bytes) -> None:
        """Send, soon."""
        self._outbox.write(self._transport, data)

    def close(self) -> None:
        """Close the connection when all is sent."""
        self._outbox.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all else."""
        return getattr(self._transport, name)
