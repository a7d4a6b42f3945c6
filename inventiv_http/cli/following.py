"""Following an instance: its stages and actions, as they happen."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.output import Bar, Output
from inventiv_http.client import ActionLog, AsyncInventiv, CallFailed, Instance, Json

# Events tell at once; this is for when they do not come.
POLL_S = 2.0
MOST_ACTIONS = 1000

READY = frozenset({"ready"})
GONE = frozenset({"terminated", "archived"})
BROKEN = frozenset({"failed", "startup_failed", "provisioning_failed"})
LEAVING = GONE | {"draining", "terminating"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A status the instance was seen in, and when it was first seen there."""

    name: str
    seconds: float


@dataclass(slots=True, kw_only=True)
class Follower:
    """Shows what happens to one instance, and waits for what should become of it."""

    server: AsyncInventiv
    instance_id: str
    out: Output
    started_s: float = field(default_factory=time.monotonic)
    stages: list[Stage] = field(default_factory=list[Stage])
    told: set[str] = field(default_factory=set[str])

    @property
    def elapsed_s(self) -> float:
        """How long we have been following."""
        return time.monotonic() - self.started_s

    @property
    def stages_as_json(self) -> list[Json]:
        """The stages seen, with the seconds since the start."""
        return [{"stage": stage.name, "seconds": round(stage.seconds, 3)} for stage in self.stages]

    async def skip_the_past(self) -> None:
        """Do not tell what was done before now."""
        logs = await self.server.action_logs(self.instance_id, limit=MOST_ACTIONS)
        self.told.update(log["id"] for log in logs if log["status"] != "in_progress")

    async def until_ready(self, *, within_s: float) -> Instance:
        """Wait until it serves its model, or say why it never will."""
        return await self._until(READY, not_in=BROKEN | LEAVING, within_s=within_s)

    async def until_gone(self, *, within_s: float) -> Instance:
        """Wait until its machine is given back."""
        return await self._until(GONE, not_in=frozenset(), within_s=within_s)

    async def _until(
        self, wanted: frozenset[str], *, not_in: frozenset[str], within_s: float
    ) -> Instance:
        try:
            async with (
                asyncio.timeout(within_s),
                changes(self.server, self.instance_id, self.out) as change,
            ):
                with self.out.progress() as progress:
                    bar = Bar(progress)
                    while (instance := await self._look(bar))["status"] not in wanted | not_in:
                        await change()
        except TimeoutError as error:
            raise self._too_slow(within_s) from error
        if instance["status"] in not_in:
            raise _ended_badly(instance)
        return instance

    async def _look(self, bar: Bar) -> Instance:
        instance = await self.server.instance(self.instance_id)
        logs = await self.server.action_logs(self.instance_id, limit=MOST_ACTIONS)
        status = instance["status"]
        if not self.stages or self.stages[-1].name != status:
            self.stages.append(Stage(name=status, seconds=self.elapsed_s))
            self.out.say(f"{self.elapsed_s:6.1f} s  → {status}")
        for log in reversed(logs):
            if log["status"] != "in_progress" and log["id"] not in self.told:
                self.told.add(log["id"])
                self.out.say(f"{self.elapsed_s:6.1f} s    {described(log)}")
        bar.show(status, _percent(instance))
        return instance

    def _too_slow(self, within_s: float) -> CommandFailed:
        last = self.stages[-1].name if self.stages else "unknown"
        return CommandFailed(
            sentence=f"Instance {self.instance_id} is still {last} after {within_s:g} s.",
            advice=f"`inventiv logs {self.instance_id}` tells what was tried.",
        )


@asynccontextmanager
async def changes(
    server: AsyncInventiv, instance_id: str, out: Output
) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """Give a function that returns when the instance may have changed."""
    changed = asyncio.Event()

    async def listen() -> None:
        try:
            async with aclosing(server.events(instance_id=instance_id)) as events:
                async for event in events:
                    if event.may_concern(instance_id):
                        changed.set()
        except CallFailed as lost:
            out.note(f"{lost.sentence} Looking every {POLL_S:g} s instead.")

    async def change() -> None:
        with suppress(TimeoutError):  # nothing was heard: look all the same
            async with asyncio.timeout(POLL_S):
                await changed.wait()
        changed.clear()

    listening = asyncio.create_task(listen())
    try:
        yield change
    finally:
        listening.cancel()
        await asyncio.wait([listening])
        if not listening.cancelled():
            listening.result()  # a defect is to be seen


def described(log: ActionLog) -> str:
    """Write an action in words: how it ended, what it was, how long it took, what went wrong."""
    mark = {"success": "✓", "failed": "✗"}.get(log["status"], "…")
    name = log["action_type"].replace("_", " ").capitalize()
    took = "" if log["duration_ms"] is None else f" ({log['duration_ms']} ms)"
    problem = f": {log['error_message']}" if log["error_message"] else ""
    return f"{mark} {name}{took}{problem}"


def _percent(instance: Instance) -> int | None:
    if instance["status"] in LEAVING:
        return 100 if instance["status"] in GONE else None
    return instance["progress_percent"]


def _ended_badly(instance: Instance) -> CommandFailed:
    reasons = (instance["error_code"], instance["error_message"])
    why = ": ".join(reason for reason in reasons if reason) or "the server gives no reason"
    return CommandFailed(
        sentence=f"Instance {instance['id']} ended as {instance['status']}: {why}.",
        advice=f"`inventiv logs {instance['id']}` tells what was tried.",
    )
