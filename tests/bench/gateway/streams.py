"""Readers of paced streams, who look at how long each chunk was on its way."""

import asyncio
import re
import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Final

_SENT: Final = re.compile(rb"@(\d+)@")


@dataclass
class Lags:
    """What readers have seen, in milliseconds."""

    first: list[float] = field(default_factory=list[float])
    """Of the first chunk of each stream."""
    every: list[float] = field(default_factory=list[float])
    streams: int = 0
    failed: int = 0

    def p99_first(self) -> float:
        """Return how long all but one in a hundred first chunks were on their way, at most."""
        return statistics.quantiles(self.first, n=100)[98]

    def p99(self) -> float:
        """Return the same of all chunks."""
        return statistics.quantiles(self.every, n=100)[98]


class Reader(asyncio.Protocol):
    """One connection that asks for one stream after the other."""

    def __init__(self, request: bytes, lags: Lags, deadline_s: float) -> None:
        self._request = request
        self._lags = lags
        self._deadline_s = deadline_s
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self._transport: asyncio.Transport = transport
        self._ask()

    def _ask(self) -> None:
        self._seen = b""
        self._is_first = True
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Look at the clock, for every chunk that has come."""
        now_ns = time.monotonic_ns()
        self._seen += data
        end = 0
        for found in _SENT.finditer(self._seen):
            lag_ms = (now_ns - int(found[1])) / 1e6
            self._lags.every.append(lag_ms)
            if self._is_first:
                self._lags.first.append(lag_ms)
                self._is_first = False
            end = found.end()
        self._seen = self._seen[end:]
        if self._seen.endswith(b"0\r\n\r\n"):
            self._lags.streams += 1
            if time.monotonic() > self._deadline_s:
                self._transport.close()
            else:
                self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be done; before the time, that is a failure."""
        if time.monotonic() <= self._deadline_s:
            self._lags.failed += 1
        if not self.over.done():
            self.over.set_result(None)


async def read(port: int, request: bytes, *, readers: int, seconds: float) -> Lags:
    """Have so many readers read streams for so long."""
    lags, deadline_s = Lags(), time.monotonic() + seconds
    loop = asyncio.get_running_loop()
    connected: list[Reader] = []
    for number in range(readers):
        _, reader = await loop.create_connection(
            lambda: Reader(request, lags, deadline_s), "127.0.0.1", port
        )
        connected.append(reader)
        if number % 10 == 0:
            await asyncio.sleep(0.01)  # not all at one moment: nobody comes like that
    await asyncio.wait([reader.over for reader in connected], timeout=seconds + 60)
    return lags
