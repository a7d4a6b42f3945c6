"""Everybody who wants something, all at once, through whichever process, and what they see."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from tests.faults.audit import OVER
from tests.faults.evidence import Answer, Call, Evidence, Sighting, Watched
from tests.faults.site import Member, Site
from tests.faults.watching import Watcher

ECHO: Final = "mock-echo-model"
MESSAGES: Final = [{"role": "user", "content": "One two three four five."}]
TIMEOUT_S: Final = 20.0
_PAUSE_S: Final = 0.1
_LISTS: Final = {
    "instance": "/instances",
    "action": "/action_logs/search?limit=50",
    "key": "/organizations/current/api_keys",
}
_MODEL_LISTS: Final = ("/v1/models", "/offerings/usable", "/finops/wallet")


@dataclass(frozen=True, kw_only=True)
class Party:
    """An organization, and how one acts for it."""

    organization_id: UUID
    token: str
    key: str
    model: str
    """What its callers call."""
    order: dict[str, Any]
    """What it deploys."""


@dataclass(frozen=True)
class Mark:
    """How much was seen until an instant."""

    calls: int = 0
    answers: int = 0
    frames: Sequence[int] = ()


@dataclass
class Load:
    """The load on a site. Everything here runs on one event loop."""

    site: Site
    parties: Sequence[Party]
    dice: Random
    evidence: Evidence = field(default_factory=Evidence)
    watchers: list[Watcher] = field(default_factory=list[Watcher])
    is_over: bool = False
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict[str, httpx.AsyncClient])
    _numbers: "count[int]" = field(default_factory=count)
    _wishes: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])
    _watches: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def begin(self) -> None:
        """Have everybody begin."""
        for api in self.site.apis:
            self._clients[api.name] = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{api.server.port}",
                timeout=TIMEOUT_S,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                trust_env=False,
            )
        for party in self.parties:
            for streamed in (True, False, True):
                self._start(self._call_again(party, streamed=streamed))
            self._start(self._read_again(party))
            self._start(self._deploy_again(party))
            for number, api in enumerate(self.site.apis):
                others = [each for each in self.site.apis if each is not api]
                watcher = Watcher(
                    f"watcher {number} of {party.organization_id}",
                    party.organization_id,
                    party.token,
                    [self._clients[each.name] for each in (api, *others)],
                )
                self.watchers.append(watcher)
                self._watches.append(asyncio.create_task(watcher.watch()))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._wishes.append(asyncio.create_task(work))

    async def quieten(self) -> None:
        """Have nobody want anything new, and return when all that is left is watching."""
        self.is_over = True
        await asyncio.gather(*self._wishes)

    async def end(self) -> None:
        """Have everybody leave."""
        tasks = [*self._wishes, *self._watches]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()

    def mark(self) -> Mark:
        """Return where we are."""
        frames = [len(watcher.frames) for watcher in self.watchers]
        return Mark(len(self.evidence.calls), len(self.evidence.answers), frames)

    def since(self, mark: Mark) -> Evidence:
        """Return what was seen since then."""
        trouble = [task.exception() for task in self._wishes + self._watches if task.done()]
        assert not any(trouble), trouble
        return replace(
            self.evidence,
            calls=self.evidence.calls[mark.calls :],
            answers=self.evidence.answers[mark.answers :],
            sightings=set(self.evidence.sightings),
            asked=set(self.evidence.asked),
            orders=dict(self.evidence.orders),
            watched=[],
            outages=list(self.site.outages),
        )

    def watched(self, mark: Mark, *, until: int) -> list[Watched]:
        """Return what came to those who watch, from the last that was known then."""
        return [
            Watched(
                name=each.name,
                organization_id=each.organization_id,
                frames=tuple(each.frames[max(known - 1, 0) :]),
                until=until,
            )
            for each, known in zip(self.watchers, mark.frames, strict=True)
        ]

    # callers

    async def _call_again(self, party: Party, *, streamed: bool) -> None:
        while not self.is_over:
            await self._call(party, self.dice.choice(self.site.apis), streamed=streamed)
            await asyncio.sleep(_PAUSE_S)

    async def _call(self, party: Party, api: Member, *, streamed: bool) -> None:
        request_id = f"call-{next(self._numbers)}"
        self.evidence.asked.add(request_id)
        body: dict[str, Any] = {"model": party.model, "messages": MESSAGES, "stream": streamed}
        if streamed:
            body["stream_options"] = {"include_usage": True}
        headers = {"Authorization": f"Bearer {party.key}", "X-Request-Id": request_id}
        began_at, seen, status, story = time.time(), b"", None, ""
        try:
            async with self._clients[api.name].stream(
                "POST", "/v1/chat/completions", json=body, headers=headers
            ) as answer:
                status = answer.status_code
                async for piece in answer.aiter_bytes():
                    seen += piece
        except httpx.HTTPError as error:
            story = repr(error)
        is_good = status == 200 and not story
        used = _used(seen, streamed=streamed) if is_good else None
        self.evidence.calls.append(
            Call(
                request_id=request_id,
                at=api.name,
                organization_id=party.organization_id,
                began_at=began_at,
                ended_at=time.time(),
                status=status,
                has_begun=bool(seen),
                used=used,
                story="" if used else f"{story} {seen[-300:]!r}",
            )
        )

    # readers

    async def _read_again(self, party: Party) -> None:
        while not self.is_over:
            kind, path = self.dice.choice(list(_LISTS.items()))
            body = await self._ask(party, "GET", path)
            rows = body.get("rows", []) if isinstance(body, dict) else body or []
            self.evidence.sightings |= {
                Sighting(
                    organization_id=party.organization_id,
                    kind=kind,
                    id=UUID(row.get("key", row)["id"]),
                )
                for row in rows
            }
            await self._ask(party, "GET", self.dice.choice(_MODEL_LISTS))
            await asyncio.sleep(_PAUSE_S)

    async def _ask(
        self, party: Party, method: str, path: str, *, api: Member | None = None, **more: Any
    ) -> Any:
        """Ask one of the processes; return the answer's body, ``None`` if there is no good one."""
        api = api or self.dice.choice(self.site.apis)
        more["headers"] = {"Authorization": f"Bearer {party.token}", **more.get("headers", {})}
        began_at, status, story, body = time.time(), None, "", None
        try:
            answer = await self._clients[api.name].request(method, path, **more)
        except httpx.HTTPError as error:
            story = repr(error)
        else:
            status = answer.status_code
            if answer.is_success:
                body = answer.json() if "json" in answer.headers["content-type"] else answer.text
            else:
                story = answer.text[:300]
        self.evidence.answers.append(
            Answer(
                what=f"{method} {path}", at=api.name, began_at=began_at, ended_at=time.time(),
                status=status, story=story,
            )
        )  # fmt: skip
        return body

    # machines

    async def _deploy_again(self, party: Party) -> None:
        """Have a machine, have it start anew, give it back; and another one."""
        while not self.is_over:
            instance_id = await self._order(party)
            if await self._comes(party, instance_id, lambda status: status == "ready"):
                await asyncio.sleep(self.dice.uniform(0, 1))
                if self.dice.random() < 0.5:
                    await self._reinstall(party, instance_id)
            await self._insist(party, "DELETE", f"/instances/{instance_id}")
            await self._comes(party, instance_id, OVER.__contains__)

    async def _reinstall(self, party: Party, instance_id: UUID) -> None:
        """Have a machine start anew: what its engine is saying breaks off."""
        with self.site.outage("an engine"):
            await self._ask(party, "POST", f"/instances/{instance_id}/reinstall")
            await self._comes(party, instance_id, lambda status: status == "ready")

    async def _order(self, party: Party) -> UUID:
        key = f"order-{next(self._numbers)}"
        self.evidence.orders[key] = (party.organization_id, None)
        body = await self._insist(
            party, "POST", "/deployments", json=party.order, headers={"Idempotency-Key": key}
        )
        instance_id = UUID(body["instance_id"])
        self.evidence.orders[key] = (party.organization_id, instance_id)
        return instance_id

    async def _insist(self, party: Party, method: str, path: str, **more: Any) -> Any:
        """Ask again, here or there, until it is done."""
        while True:
            body = await self._ask(party, method, path, **more)
            if body is not None:
                return body
            await asyncio.sleep(0.3)

    async def _comes(
        self, party: Party, instance_id: UUID, is_there: Callable[[str], bool]
    ) -> bool:
        """Wait until an instance is as it should be; false if it takes long, or nobody cares."""
        last = time.monotonic() + TIMEOUT_S
        while time.monotonic() < last and not self.is_over:
            body = await self._ask(party, "GET", f"/instances/{instance_id}")
            if body is not None and is_there(body["status"]):
                return True
            await asyncio.sleep(0.2)
        return False


def _used(seen: bytes, *, streamed: bool) -> tuple[int, int, int] | None:
    """Return the tokens that a whole answer tells of."""
    if not streamed:
        body = json.loads(seen)
    else:
        if not seen.endswith(b"data: [DONE]\n\n"):
            return None
        lines = [line for line in seen.split(b"\n") if line.startswith(b"data: {")]
        body = json.loads(lines[-1].removeprefix(b"data: "))
    usage = body.get("usage")
    if usage is None:
        return None
    return usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]
