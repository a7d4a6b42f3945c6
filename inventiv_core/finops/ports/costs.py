"""Rentals, the books of closed hours, and what can be read from them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from inventiv_core.catalog.entities import InstanceTypeId, Price
from inventiv_core.finops.entities.books import Adjustment
from inventiv_core.finops.entities.rentals import Rental
from inventiv_core.finops.views.costs import (
    AdjustmentRow,
    CostRow,
    Costs,
    Mark,
    MinuteFilter,
    Point,
    Span,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import Eur


class RentalRepository(Protocol):
    """All rentals, of all organizations."""

    async def begin(self, rental: Rental) -> bool:
        """Store a rental; tell whether its machine was not known yet. One that was stays as is."""
        ...

    async def end(
        self, instance_id: InstanceId, *, machine_id: str | None, at: datetime
    ) -> Sequence[Rental]:
        """End the open rentals of an instance, or only that of one machine.

        Returns them as they were. None ends before it began.
        """
        ...


class CostBooks(Protocol):
    """What hours that are over have cost, by organization, provider, zone and type."""

    async def closed_until(self) -> datetime | None:
        """Return until when hours are closed, and keep others open until the work ends.

        Whoever changes rentals asks first: so nothing is changed while its hour is closed.
        """
        ...

    async def lock(self) -> datetime | None:
        """Return until when hours are closed, and let nobody else close or change any."""
        ...

    async def first_rental_at(self) -> datetime | None:
        """Return when anything was first rented."""
        ...

    async def prices(self, id: InstanceTypeId) -> Sequence[Price]:
        """Return all prices of a type, oldest first."""
        ...

    async def volume_price(self, id: InstanceTypeId) -> Eur | None:
        """Return what a gigabyte of volumes of such machines costs in a month, now."""
        ...

    async def close(self, start: datetime, end: datetime) -> None:
        """Enter what the hours from ``start`` until ``end`` have cost, and close them."""
        ...

    async def adjust(self, adjustments: Sequence[Adjustment]) -> None:
        """Enter what closed hours cost more or less."""
        ...

    async def restate(self, *, until: datetime, at: datetime, new_id: NewId) -> int:
        """Adjust closed hours to prices that became known only after; return how many entries."""
        ...


class CostQueries(Protocol):
    """What things cost. No owner means all organizations. Each answer is one statement."""

    async def summary(
        self,
        owner: OrganizationId | None,
        *,
        now: datetime,
        end: datetime,
        windows: Sequence[int],
        instances: int,
    ) -> Sequence[CostRow]:
        """Return what is rented ``now``, at all levels, and what each window has spent.

        Windows are so many minutes before ``end``; one more is everything until ``end``. At
        the level of instances there are at most ``instances``, the dearest, then the newest.
        """
        ...

    async def spent(self, owner: OrganizationId | None, span: Span, *, instances: int) -> Costs:
        """Return what was spent in ``span``, at all levels, sorted likewise."""
        ...

    async def series(
        self, owner: OrganizationId | None, span: Span, *, width: timedelta
    ) -> Sequence[Point]:
        """Return what was spent in each part of ``span``, oldest first; zeros included.

        Parts begin at multiples of ``width`` since 1970. The first and the last may be cut.
        """
        ...

    async def marks(
        self, owner: OrganizationId | None, span: Span, where: MinuteFilter
    ) -> Sequence[Mark]:
        """Return how things stood at the beginning of each minute and at the end, oldest first."""
        ...

    async def adjustments(
        self, owner: OrganizationId | None, *, limit: int
    ) -> Sequence[AdjustmentRow]:
        """List adjustments, newest first."""
        ...


class RentalWork(Protocol):
    """What beginning and ending rentals touches; part of the work of who does that."""

    @property
    def rentals(self) -> RentalRepository: ...
    @property
    def cost_books(self) -> CostBooks: ...
    @property
    def outbox(self) -> Outbox: ...
