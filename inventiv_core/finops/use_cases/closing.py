"""Closing hours: what they have cost is summed up once, so that nobody has to again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventiv_core.finops.entities.books import OPEN_FOR
from inventiv_core.finops.entities.rentals import ONE_HOUR, floor
from inventiv_core.finops.ports.costs import CostBooks
from inventiv_core.finops.ports.work import CostWork
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork

_AT_ONCE: Final = 24 * ONE_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseHours:
    """Close every hour that is over, however long nobody did; adjust what came too late.

    Nothing is lost by doing it late, and nothing counted twice by doing it twice.
    """

    unit_of_work: UnitOfWork[CostWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many hours were closed."""
        actor.must(Permission.OPERATE)
        closed = 0
        while hours := await self._close_some():
            closed += hours
        return closed

    async def _close_some(self) -> int:
        """Close a day at most: whoever waits for the books does not wait long."""
        now = self.clock.now()
        async with self.unit_of_work() as work:
            books = work.cost_books
            until = await books.lock()
            if until is not None:
                await books.restate(until=until, at=now, new_id=self.new_id)
            end = floor(now - OPEN_FOR, ONE_HOUR)
            start = until or await _beginning(books, end)
            end = min(end, start + _AT_ONCE)
            if start >= end and until is not None:
                return 0
            await books.close(start, end)
            return (end - start) // ONE_HOUR


async def _beginning(books: CostBooks, end: datetime) -> datetime:
    """Return from when there is something to sum up."""
    first = await books.first_rental_at()
    return end if first is None else min(floor(first, ONE_HOUR), end)
