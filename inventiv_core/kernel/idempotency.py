"""Requests that may be sent twice and must count once: the ``Idempotency-Key`` header.

After the draft of the IETF's HTTPAPI working group, "The Idempotency-Key HTTP Header Field".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from inventiv_core.kernel.errors import Conflict

IDEMPOTENCY_LIFETIME: Final = timedelta(hours=24)
"""How long a key is remembered."""


@dataclass(eq=False, kw_only=True)
class IdempotencyKeyReused(Conflict):
    """This idempotency key was used for another request: take a new one."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """What tells a request that is sent again from a new one."""

    key: str
    """As the caller has chosen it; each organization has keys of its own."""
    fingerprint: str
    """Says what is asked for: method, path and body, in short."""


class IdempotencyRepository(Protocol):
    """Remembers the results of requests that had a key."""

    async def begin(self, key: IdempotencyKey, *, scope: UUID, at: datetime) -> str | None:
        """Return the result that the same request had; ``None`` if the request is new.

        Whoever is told ``None`` must `finish` in the same piece of work; if that work is
        undone, so is this. Waits for a piece of work with the same key that is under way.

        Raises:
            IdempotencyKeyReused: The key was used for another request.
        """
        ...

    async def finish(self, key: IdempotencyKey, *, scope: UUID, result: str) -> None:
        """Keep the result of a request that has begun."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Drop what began before that instant; return how many keys."""
        ...


class IdempotentWork(Protocol):
    """What a use case needs to be safe to repeat."""

    @property
    def idempotency(self) -> IdempotencyRepository:
        """The keys."""
        ...
