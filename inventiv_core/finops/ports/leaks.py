"""What leaks need from the outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from inventiv_core.finops.entities.leaks import Leak, Rates
from inventiv_core.finops.views.leaks import LeakTotal


class LeakRepository(Protocol):
    """All leaks."""

    async def rates(self, provider_code: str, instance_type: str) -> Rates:
        """Return what the provider takes for such machines now, by codes."""
        ...

    async def begin(self, leak: Leak) -> Leak:
        """Store a leak, and return what is stored of its machine.

        One that is known stays as it is; if it was thought gone, it was not, and is open again.
        """
        ...

    async def end(self, instance_id: UUID, *, machine_id: str | None, at: datetime) -> None:
        """Say that the machines of an instance are gone, or one of them. None before it began."""
        ...

    async def end_unseen(
        self, provider_code: str, seen: Sequence[str], *, listed_at: datetime, at: datetime
    ) -> None:
        """Say that all of a provider's machines are gone that were there then, and not seen."""
        ...


class LeakQueries(Protocol):
    """What has leaked. Reads only, one statement each."""

    async def totals(self, *, at: datetime) -> Sequence[LeakTotal]:
        """Sum up, by provider, in the order of their codes."""
        ...

    async def newest(self, *, limit: int) -> Sequence[Leak]:
        """List leaks: those that still cost first, then the newest."""
        ...


class LeakWork(Protocol):
    """What noting leaks touches; part of the work of who does that."""

    @property
    def leaks(self) -> LeakRepository: ...
