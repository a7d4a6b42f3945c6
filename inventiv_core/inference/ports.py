"""What inference needs from the outside."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from inventiv_core.inference.entities import InferenceUsage, Route
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.observability.ports import RequestCountWork


class RoutingQueries(Protocol):
    """What can be asked for, and who can answer."""

    async def snapshot(self, *, now: datetime, stale_after: timedelta) -> RoutingSnapshot:
        """Return active models and live workers.

        A worker is live when its instance is ready, has an address, and its worker says that
        it is ready and has said so within ``stale_after``.
        """
        ...


class EngineReply(Protocol):
    """An engine's answer, of which the body may still be on its way."""

    @property
    def status_code(self) -> int: ...
    @property
    def content_type(self) -> str: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        ...

    async def close(self) -> None:
        """Hang up. Before the end of the body, this stops the engine's work."""
        ...


class EngineNotReached(Exception):
    """The engine did not answer, or not in time."""


class Engines(Protocol):
    """Forwards calls to engines."""

    async def send(self, route: Route, path: str, body: bytes, *, accept: str) -> EngineReply:
        """Post ``body`` and return when the answer begins.

        Raises:
            EngineNotReached: No connection, or no answer within the deadline.
        """
        ...


class UsageRepository(Protocol):
    """What was used."""

    async def add(self, usages: Sequence[InferenceUsage]) -> Sequence[InferenceUsage]:
        """Store calls in one round trip, and return those that were not stored before.

        One that is stored already stays as it is.
        """
        ...


class UsageWork(RequestCountWork, Protocol):
    """What one atomic piece of metering may touch."""

    @property
    def usage(self) -> UsageRepository: ...
