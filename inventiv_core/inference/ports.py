"""What inference needs from the outside."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.observability.ports import RequestCountWork


class RoutingQueries(Protocol):
    """What can be asked for, and who can answer."""

    async def snapshot(self, *, now: datetime, stale_after: timedelta) -> RoutingSnapshot:
        """Return active models and live workers.

        A worker is live when its instance is ready, has an address, and its worker says that
        it is ready and has said so within ``stale_after``; where its organization requires
        double activation, the instance has it, too.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCall:
    """What an engine is asked."""

    path: str
    """Such as ``/v1/chat/completions``."""
    body: bytes
    accept: str
    request_id: str
    session: str | None = None


class EngineReply(Protocol):
    """An engine's answer, of which the body may still be on its way."""

    @property
    def status_code(self) -> int: ...
    @property
    def content_type(self) -> str: ...
    @property
    def retry_after(self) -> str | None:
        """When to come back, as the engine says it."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, and no faster than it is taken.

        Raises:
            EngineNotReached: The engine has broken off, or is silent for too long.
        """
        ...

    def close(self) -> None:
        """Hang up. Before the end of the body, this stops the engine's work."""
        ...


class EngineNotReached(Exception):
    """The engine did not answer, or not in time."""


class Engines(Protocol):
    """Forwards calls to engines."""

    async def send(self, route: Route, call: EngineCall) -> EngineReply:
        """Post the call and return when the answer begins.

        Raises:
            EngineNotReached: No connection, or no answer within the deadline.
        """
        ...


class UsageSpool(Protocol):
    """Calls that have ended, and are not in the database yet.

    What was put here is still there after a crash.
    """

    def put(self, usage: InferenceUsage) -> None:
        """Add a call. Returns at once."""
        ...

    def take(self, limit: int) -> Sequence[InferenceUsage]:
        """Return the oldest calls. They stay until they are `forget`-ten."""
        ...

    def forget(self, count: int) -> None:
        """Drop so many of the oldest calls: they are in the database now."""
        ...


class UsageRepository(Protocol):
    """What was used."""

    async def add(self, usages: Sequence[InferenceUsage]) -> Sequence[InferenceUsage]:
        """Store calls in one statement, and return those that were not stored before.

        One that is stored already stays as it is.
        """
        ...


class UsageWork(RequestCountWork, Protocol):
    """What one atomic piece of metering may touch."""

    @property
    def usage(self) -> UsageRepository: ...
