"""Browsers that watch live events, and come back wherever they can when their line breaks."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import httpx

from tests.faults.evidence import Frame

_SILENCE_S: Final = 20.0
"""After that a line is broken: something comes every fifteen seconds."""
_PAUSE_S: Final = 0.3


@dataclass(eq=False)
class Watcher:
    """One who watches the instances of an organization."""

    name: str
    organization_id: UUID
    token: str
    clients: list[httpx.AsyncClient]
    """Of the processes, the first of which it asks first."""
    lines: int = 0
    """How often it came."""
    refusals: list[int] = field(default_factory=list[int])
    frames: list[Frame] = field(default_factory=list[Frame])
    """What came until now."""

    async def watch(self) -> None:
        """Watch for ever."""
        while True:
            client = self.clients[self.lines % len(self.clients)]
            headers = {"Authorization": f"Bearer {self.token}"}
            if self.frames:
                headers["Last-Event-ID"] = str(self.frames[-1].position)
            self.lines += 1
            try:
                async with client.stream(
                    "GET",
                    "/events/stream?topics=instances",
                    headers=headers,
                    timeout=httpx.Timeout(5.0, read=_SILENCE_S),
                ) as answer:
                    if answer.status_code == httpx.codes.OK:
                        await self._read(answer)
                    else:
                        self.refusals.append(answer.status_code)
            except httpx.TransportError:
                pass  # it comes back
            await asyncio.sleep(_PAUSE_S)

    async def _read(self, answer: httpx.Response) -> None:
        """Read frames; half of one, where a line breaks, is none."""
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            self._take(fields)
            fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        if "id" not in fields:
            return
        data = json.loads(fields.get("data", "{}"))
        self.frames.append(
            Frame(
                position=int(fields["id"]),
                ids=tuple(UUID(each) for each in data.get("ids", ())),
                is_reset=fields.get("event") == "reset",
            )
        )
