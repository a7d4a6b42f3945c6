"""Rentals and what they have cost, in memory: by arithmetic on all there is."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from inventiv_adapters.kernel.memory import INSTALLATION_ID, MemoryDatabase
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    Price,
    Prices,
    Provider,
    ProviderId,
    Region,
    Zone,
    ZoneId,
)
from inventiv_core.finops.entities.books import Adjustment, AdjustmentReason
from inventiv_core.finops.entities.rentals import (
    EPOCH,
    ONE_HOUR,
    ONE_MINUTE,
    EurSeconds,
    Rental,
    cost_of,
    floor,
    hours_between,
    rate_at,
)
from inventiv_core.finops.ports.costs import CostBooks, CostQueries, RentalRepository
from inventiv_core.finops.views.costs import (
    AdjustmentRow,
    CostLevel,
    CostRow,
    Costs,
    Mark,
    MinuteFilter,
    Point,
    Span,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import ZERO_EUR, Eur

Part = tuple[OrganizationId, ProviderId, ZoneId, InstanceTypeId]
"""What the books are kept by."""


@dataclass(frozen=True, slots=True)
class ClosedHours:
    """Until when hours are closed."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CostHour:
    """What one closed hour has cost, of one part."""

    part: Part
    hour: datetime
    amount: EurSeconds


@dataclass(frozen=True, slots=True)
class BookedPrice:
    """A price by which hours were closed."""

    price: Price


def _prices(database: MemoryDatabase, id: UUID) -> tuple[Price, ...]:
    return database.table(Prices).get(id, Prices()).known


def _part(of: Rental | Adjustment) -> Part:
    return of.organization_id, of.provider_id, of.zone_id, of.instance_type_id


class MemoryRentals(RentalRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(Rental)

    async def begin(self, rental: Rental) -> bool:
        machine = (rental.provider_id, rental.machine_id)
        if any((known.provider_id, known.machine_id) == machine for known in self._table.values()):
            return False
        self._table[rental.id] = rental
        return True

    async def end(
        self, instance_id: InstanceId, *, machine_id: str | None, at: datetime
    ) -> Sequence[Rental]:
        ended = sorted(
            (
                rental
                for rental in self._table.values()
                if rental.instance_id == instance_id
                and machine_id in {None, rental.machine_id}
                and rental.ended_at is None
            ),
            key=lambda rental: rental.id,
        )
        for rental in ended:
            self._table[rental.id] = rental.end(at)
        return ended


class MemoryCostBooks(CostBooks):
    """The books. One piece of work at a time needs no locks."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def closed_until(self) -> datetime | None:
        return self._database.table(ClosedHours).get(INSTALLATION_ID, ClosedHours()).until

    async def lock(self) -> datetime | None:
        return await self.closed_until()

    async def first_rental_at(self) -> datetime | None:
        rentals = self._database.table(Rental).values()
        return min((rental.started_at for rental in rentals), default=None)

    async def prices(self, id: InstanceTypeId) -> Sequence[Price]:
        return _prices(self._database, id)

    async def volume_price(self, id: InstanceTypeId) -> Eur | None:
        return self._database.table(InstanceType)[id].volume_cost_per_gb_month

    async def close(self, start: datetime, end: datetime) -> None:
        table = self._database.table(CostHour)
        for (part, hour), amount in self._by_hour(start, end).items():
            key = uuid5(INSTALLATION_ID, f"{part} {hour}")
            table[key] = CostHour(part, hour, amount)
        self._database.table(ClosedHours)[INSTALLATION_ID] = ClosedHours(end)
        self._book(end)

    async def adjust(self, adjustments: Sequence[Adjustment]) -> None:
        table = self._database.table(Adjustment)
        table.update({adjustment.id: adjustment for adjustment in adjustments})

    async def restate(self, *, until: datetime, at: datetime, new_id: NewId) -> int:
        late = self._late(until)
        if not late:
            return 0
        due = self._by_hour(min(late.values()), until, late)
        for booked in self._database.table(CostHour).values():
            if booked.hour >= late.get(booked.part[-1], until):
                due[booked.part, booked.hour] -= booked.amount
        for known in self._database.table(Adjustment).values():
            if known.hour >= late.get(known.instance_type_id, until):
                due[_part(known), known.hour] -= known.amount
        adjustments = [
            Adjustment(
                id=new_id(),
                organization_id=part[0],
                provider_id=part[1],
                zone_id=part[2],
                instance_type_id=part[3],
                hour=hour,
                amount=amount,
                reason=AdjustmentReason.PRICE_CHANGED,
                instance_id=None,
                recorded_at=at,
            )
            for (part, hour), amount in sorted(due.items())
            if amount
        ]
        await self.adjust(adjustments)
        self._book(until)
        return len(adjustments)

    def _by_hour(
        self, start: datetime, end: datetime, since: Mapping[UUID, datetime] | None = None
    ) -> defaultdict[tuple[Part, datetime], EurSeconds]:
        """Return what every part has cost in every hour; of certain types, since certain hours."""
        amounts: defaultdict[tuple[Part, datetime], EurSeconds] = defaultdict(lambda: ZERO_EUR)
        for rental in self._database.table(Rental).values():
            begin = start if since is None else since.get(rental.instance_type_id, end)
            begin = max(begin, floor(rental.started_at, ONE_HOUR))
            prices = _prices(self._database, rental.instance_type_id)
            for lower, upper in hours_between(begin, min(end, rental.ended_at or end)):
                amount = cost_of(rental, prices, lower, upper)
                if amount:
                    amounts[_part(rental), floor(lower, ONE_HOUR)] += amount
        return amounts

    def _late(self, until: datetime) -> dict[UUID, datetime]:
        """Return since which hour the books of each type go by prices that were others."""
        booked = self._database.table(BookedPrice)
        late: dict[UUID, datetime] = {}
        for kind, prices in self._database.table(Prices).items():
            for price in prices.known:
                known = booked.get(_key(price))
                if price.valid_from < until and (known is None or known.price != price):
                    hour = floor(price.valid_from, ONE_HOUR)
                    late[kind] = min(late.get(kind, hour), hour)
        return late

    def _book(self, until: datetime) -> None:
        table = self._database.table(BookedPrice)
        for prices in self._database.table(Prices).values():
            for price in prices.known:
                if price.valid_from < until:
                    table[_key(price)] = BookedPrice(price)


def _key(price: Price) -> UUID:
    return uuid5(price.instance_type_id, price.valid_from.isoformat())


class MemoryCostQueries(CostQueries):
    """The read side. It needs no books: what they say follows from rentals and prices."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def summary(
        self,
        owner: OrganizationId | None,
        *,
        now: datetime,
        end: datetime,
        windows: Sequence[int],
        instances: int,
    ) -> Sequence[CostRow]:
        open_now = [
            (rental, rate_at(rental, _prices(self._database, rental.instance_type_id), now))
            for rental in self._of(owner)
            if rental.is_open(now)
        ]
        starts = [(minutes, end - minutes * ONE_MINUTE) for minutes in windows]
        spent = [
            CostRow(level=CostLevel.WINDOW, minutes=minutes, amount=self._spent(owner, start, end))
            for minutes, start in [*starts, (None, EPOCH)]
        ]
        return [*self._levels(open_now, instances), *spent]

    async def spent(self, owner: OrganizationId | None, span: Span, *, instances: int) -> Costs:
        amounts = [
            (rental, self._cost(rental, span.start, span.end))
            for rental in self._of(owner)
            if rental.started_at < span.end
            and (rental.ended_at is None or rental.ended_at > span.start)
        ]
        return Costs(rows=self._levels(amounts, instances))

    async def series(
        self, owner: OrganizationId | None, span: Span, *, width: timedelta
    ) -> Sequence[Point]:
        points: list[Point] = []
        at = floor(span.start, width)
        while at < span.end:
            lower, upper = max(at, span.start), min(at + width, span.end)
            points.append(Point(at=at, amount=self._spent(owner, lower, upper)))
            at += width
        return points

    async def marks(
        self, owner: OrganizationId | None, span: Span, where: MinuteFilter
    ) -> Sequence[Mark]:
        rentals = [
            rental
            for rental in self._of(owner)
            if where.provider_id in {None, rental.provider_id}
            and where.instance_id in {None, rental.instance_id}
        ]
        return [self._mark(rentals, at) for at in _instants(span)]

    async def adjustments(
        self, owner: OrganizationId | None, *, limit: int
    ) -> Sequence[AdjustmentRow]:
        found = sorted(
            (
                adjustment
                for adjustment in self._database.table(Adjustment).values()
                if owner in {None, adjustment.organization_id}
            ),
            key=lambda adjustment: (adjustment.recorded_at, adjustment.id),
            reverse=True,
        )
        return [
            AdjustmentRow(**{name: getattr(one, name) for name in AdjustmentRow.__slots__})
            for one in found[:limit]
        ]

    def _mark(self, rentals: Sequence[Rental], at: datetime) -> Mark:
        open_then = [rental for rental in rentals if rental.is_open(at)]
        rates = [
            rate_at(one, _prices(self._database, one.instance_type_id), at) for one in open_then
        ]
        return Mark(
            at=at,
            spent=sum((self._cost(rental, EPOCH, at) for rental in rentals), ZERO_EUR),
            rate=sum(rates, ZERO_EUR),
            rented=len(open_then),
            is_begun=any(rental.started_at <= at for rental in rentals),
        )

    def _of(self, owner: OrganizationId | None) -> list[Rental]:
        rentals = self._database.table(Rental).values()
        return [rental for rental in rentals if owner in {None, rental.organization_id}]

    def _cost(self, rental: Rental, start: datetime, end: datetime) -> EurSeconds:
        return cost_of(rental, _prices(self._database, rental.instance_type_id), start, end)

    def _spent(self, owner: OrganizationId | None, start: datetime, end: datetime) -> EurSeconds:
        return sum((self._cost(rental, start, end) for rental in self._of(owner)), ZERO_EUR)

    def _levels(self, amounts: Sequence[tuple[Rental, Decimal]], instances: int) -> list[CostRow]:
        """Return the amounts summed up at every level."""
        total = sum((amount for _, amount in amounts), ZERO_EUR)
        by_instance = self._grouped(amounts, self._instance)
        return [
            CostRow(level=CostLevel.TOTAL, amount=total),
            *self._grouped(amounts, self._provider),
            *self._grouped(amounts, self._region),
            *self._grouped(amounts, self._instance_type),
            *by_instance[:instances],
        ]

    def _grouped(
        self,
        amounts: Iterable[tuple[Rental, Decimal]],
        row: Callable[[Rental], CostRow],
    ) -> list[CostRow]:
        sums: defaultdict[CostRow, Decimal] = defaultdict(lambda: ZERO_EUR)
        for rental, amount in amounts:
            sums[row(rental)] += amount
        rows = [replace(row, amount=amount) for row, amount in sums.items()]
        return sorted(rows, key=self._place)

    def _place(self, row: CostRow) -> tuple[Any, ...]:
        """Return where a row stands: the dearest first, then the newest, then by id."""
        newest = 0.0
        if row.instance_id is not None:
            newest = self._database.table(Instance)[row.instance_id].created_at.timestamp()
        ids = row.provider_id, row.region_id, row.instance_type_id, row.instance_id
        return -row.amount, -newest, *(one or UUID(int=0) for one in ids)

    def _provider(self, rental: Rental) -> CostRow:
        provider = self._database.table(Provider)[rental.provider_id]
        return CostRow(
            level=CostLevel.PROVIDER,
            amount=ZERO_EUR,
            provider_id=provider.id,
            provider_code=provider.code,
            provider_name=provider.name,
        )

    def _region(self, rental: Rental) -> CostRow:
        zone = self._database.table(Zone)[rental.zone_id]
        region = self._database.table(Region)[zone.region_id]
        return replace(
            self._provider(rental),
            level=CostLevel.REGION,
            region_id=region.id,
            region_code=region.code,
            region_name=region.name,
        )

    def _instance_type(self, rental: Rental) -> CostRow:
        kind = self._database.table(InstanceType)[rental.instance_type_id]
        return replace(
            self._provider(rental),
            level=CostLevel.INSTANCE_TYPE,
            instance_type_id=kind.id,
            instance_type_code=kind.code,
            instance_type_name=kind.name,
        )

    def _instance(self, rental: Rental) -> CostRow:
        return replace(
            self._provider(rental),
            level=CostLevel.INSTANCE,
            region_name=self._region(rental).region_name,
            zone_name=self._database.table(Zone)[rental.zone_id].name,
            instance_type_name=self._instance_type(rental).instance_type_name,
            instance_id=rental.instance_id,
        )


def _instants(span: Span) -> Iterator[datetime]:
    at = span.start
    while at < span.end:
        yield at
        at += ONE_MINUTE
    yield span.end
