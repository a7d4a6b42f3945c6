"""What inference needs from the outside."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.identity.ports.api_keys import ApiKeyRepository
from inventiv_core.identity.ports.organizations import OrganizationRepository
from inventiv_core.inference.entities.gauges import Gauge, Hold, Measure, Verdict
from inventiv_core.inference.entities.limits import Issuer, Limit, LimitId
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


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class EngineCall:
    """What an engine is asked."""

    path: str
    """Such as ``/v1/chat/completions``."""
    body: bytes
    accept: str
    request_id: str
    session: str | None = None


Sink: TypeAlias = Callable[[bytes], Awaitable[None] | None]
"""Takes a piece of an answer, at once. Without room for more, it returns what to wait for."""


class EngineReply(Protocol):
    """An engine's answer, of which the body may still be on its way."""

    status_code: int
    content_type: str
    retry_after: str | None
    """When to come back, as the engine says it."""
    content_length: int | None
    """How many bytes the body has, if the engine says so."""

    @property
    def has_begun(self) -> bool:
        """Whether some of the body has come that was not poured yet."""
        ...

    @property
    def has_come(self) -> bool:
        """Whether the engine has sent all of the body."""
        ...

    async def pour(self, sink: Sink) -> None:
        """Give the body to a sink as it arrives, and no faster than it is taken; return at its end.

        Raises:
            EngineNotReached: The engine has broken off, or is silent for too long.
            Exception: Whatever the sink raises.
        """
        ...

    def close(self) -> None:
        """Hang up. Before the end of the body, this stops the engine's work."""
        ...


class EngineNotReached(Exception):
    """The engine did not answer, or not in time."""


class Engines(Protocol):
    """Forwards calls to engines."""

    def send(self, route: Route, call: EngineCall) -> Awaitable[EngineReply]:
        """Post the call; return what to wait for until the answer begins.

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
        """Return the oldest calls: so many, or all. They stay until they are `forget`-ten."""
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


class Limiter(Protocol):
    """Counts what is used against limits, and keeps what calls will probably take.

    Of calls that end within a `LEASE` and take no more than was kept for them: in any stretch
    of time, no more passes a gauge that drains than its limit, and what drains meanwhile; no
    more is used of a budget than there is; and no more calls are under way than may be.
    """

    async def hold(self, hold: Hold) -> Verdict:
        """Keep all that is asked for, or nothing, at once; what is not held is used by this.

        A hold is over after a `LEASE`, unless it is settled before, or renewed.
        """
        ...

    def settle(self, hold: Hold, used: Mapping[Measure, int]) -> None:
        """Replace what was kept by what was used, of each measure. Returns at once.

        What is not named was not used. It counts even if the hold is over by now.
        """
        ...

    async def renew(self) -> None:
        """Have all holds of this process last for another `LEASE`, if they are not over.

        But not where what is used drains: in that time it is gone, as if it had been used.
        """
        ...

    async def seed(self, used: Mapping[Gauge, int]) -> None:
        """Learn what was used of budgets before. What is known already stays, if it is more."""
        ...


class LimitRepository(Protocol):
    """Limits, one at a time."""

    async def put(self, limit: Limit) -> Limit:
        """Store a limit, or its numbers in the one that is about the same; return what is stored.

        There is one of each, even if two people set it at the same time.
        """
        ...

    async def find(self, limit: Limit) -> Limit | None:
        """Return what is stored about the same as this limit is."""
        ...

    async def get(
        self, limit_id: LimitId, *, issuer: Issuer, owner: OrganizationId | None
    ) -> Limit | None:
        """Return a limit that the owner has set; the platform's, for whomever, without one."""
        ...

    async def remove(self, limit_id: LimitId) -> None:
        """Forget a limit."""
        ...

    async def count(self, *, issuer: Issuer, owner: OrganizationId | None) -> int:
        """Return how many limits the owner has set, or the platform."""
        ...


class LimitQueries(Protocol):
    """Limits, to look at. Reads only, one statement each."""

    async def all(self) -> Sequence[Limit]:
        """Return all limits of everybody, by id."""
        ...

    async def of(self, owner: OrganizationId, *, limit: int) -> Sequence[Limit]:
        """List what an organization has set, and what the platform has set for it, by id.

        Its defaults, too: even those that something stands in the place of.
        """
        ...

    async def of_platform(self, *, limit: int) -> Sequence[Limit]:
        """List what the platform has set, by id."""
        ...

    async def spent(self, gauges: Sequence[Gauge]) -> Mapping[Gauge, int]:
        """Return what is stored as used of budgets since their periods began."""
        ...


class LimitWork(ActWork, Protocol):
    """What one atomic piece of work on limits may touch."""

    @property
    def limits(self) -> LimitRepository: ...
    @property
    def organizations(self) -> OrganizationRepository: ...
    @property
    def api_keys(self) -> ApiKeyRepository: ...
