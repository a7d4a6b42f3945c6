"""What things cost, on the wire. Amounts are euros, as JSON numbers."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self, TypeVar
from uuid import UUID

import msgspec

from inventiv_core.finops.entities.leaks import Leak, LeakReason
from inventiv_core.finops.entities.rentals import EurSeconds, eur
from inventiv_core.finops.views.costs import (
    WINDOWS,
    AdjustmentRow,
    CostLevel,
    CostRow,
    Costs,
    MinuteRow,
    Point,
    Spent,
    Summary,
)
from inventiv_core.finops.views.leaks import Leaked


class CostScope(StrEnum):
    """Whose costs are asked for."""

    ORGANIZATION = "organization"
    PLATFORM = "platform"
    """Those of all organizations: for administrators of the platform."""


def _eur(amount: EurSeconds) -> float:
    return float(eur(amount))


class ProviderCost(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent at a provider."""

    provider_id: UUID
    provider_code: str | None
    provider_name: str
    amount_eur: float


class RegionCost(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent in a region."""

    provider_id: UUID
    provider_code: str | None
    region_id: UUID
    region_code: str | None
    region_name: str
    amount_eur: float


class TypeCost(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent on a type of instance."""

    provider_id: UUID
    provider_code: str | None
    instance_type_id: UUID
    instance_type_code: str | None
    instance_type_name: str
    amount_eur: float


class InstanceCost(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent on an instance."""

    instance_id: UUID
    provider_id: UUID
    provider_code: str | None
    provider_name: str
    region_name: str | None
    zone_name: str | None
    instance_type_name: str | None
    amount_eur: float


Named = TypeVar("Named", bound=msgspec.Struct)


def _rows(
    costs: Costs,
    level: CostLevel,
    kind: type[Named],
    amounts: Callable[[Decimal], dict[str, float]],
) -> list[Named]:
    """Return the rows of a level as ``kind``: those of its fields that rows have, and amounts."""
    names = [name for name in kind.__struct_fields__ if hasattr(CostRow, name)]
    return [
        kind(**{name: getattr(row, name) for name in names}, **amounts(row.amount))
        for row in costs.at(level)
    ]


def _of(costs: Costs, level: CostLevel, kind: type[Named]) -> list[Named]:
    return _rows(costs, level, kind, lambda amount: {"amount_eur": _eur(amount)})


def _forecasts(costs: Costs, level: CostLevel, kind: type[Named]) -> list[Named]:
    return _rows(costs, level, kind, _forecast)


class CurrentCostsBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the last minute has cost."""

    bucket_minute: datetime | None
    total_minute_eur: float
    by_provider_minute: list[ProviderCost]
    by_region_minute: list[RegionCost]
    by_instance_type_minute: list[TypeCost]
    by_instance_minute: list[InstanceCost]

    @classmethod
    def of(cls, spent: Spent) -> Self:
        """Show it."""
        costs = spent.costs
        return cls(
            bucket_minute=spent.span.last_minute,
            total_minute_eur=_eur(costs.total),
            by_provider_minute=_of(costs, CostLevel.PROVIDER, ProviderCost),
            by_region_minute=_of(costs, CostLevel.REGION, RegionCost),
            by_instance_type_minute=_of(costs, CostLevel.INSTANCE_TYPE, TypeCost),
            by_instance_minute=_of(costs, CostLevel.INSTANCE, InstanceCost),
        )


class WindowBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the last minutes have cost."""

    window: str
    window_minutes: int
    bucket_end_minute: datetime | None
    bucket_start_minute: datetime | None
    total_eur: float
    by_provider_eur: list[ProviderCost]
    by_region_eur: list[RegionCost]
    by_instance_type_eur: list[TypeCost]
    by_instance_eur: list[InstanceCost]

    @classmethod
    def of(cls, spent: Spent, window: str | None) -> Self:
        """Show it, under the name that it was asked for by."""
        costs = spent.costs
        return cls(
            window=f"{spent.span.minutes}m" if window is None else window,
            window_minutes=spent.span.minutes,
            bucket_end_minute=spent.span.last_minute,
            bucket_start_minute=spent.span.start,
            total_eur=_eur(costs.total),
            by_provider_eur=_of(costs, CostLevel.PROVIDER, ProviderCost),
            by_region_eur=_of(costs, CostLevel.REGION, RegionCost),
            by_instance_type_eur=_of(costs, CostLevel.INSTANCE_TYPE, TypeCost),
            by_instance_eur=_of(costs, CostLevel.INSTANCE, InstanceCost),
        )


class PointBody(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent from an instant on, until the next."""

    bucket: datetime
    amount_eur: float

    @classmethod
    def of(cls, point: Point) -> Self:
        """Show it."""
        return cls(bucket=point.at, amount_eur=float(point.amount_eur))


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What things will cost if nothing changes."""

    burn_rate_eur_per_hour: float
    forecast_eur_per_minute: float
    forecast_eur_per_hour: float
    forecast_eur_per_day: float
    forecast_eur_per_month_30d: float


def _forecast(rate: Decimal) -> dict[str, float]:
    return {
        "burn_rate_eur_per_hour": float(rate),
        "forecast_eur_per_minute": float(rate / 60),
        "forecast_eur_per_hour": float(rate),
        "forecast_eur_per_day": float(rate * 24),
        "forecast_eur_per_month_30d": float(rate * 720),
    }


class TotalForecast(Forecast, frozen=True, kw_only=True):
    """The same of everything, for a year, too."""

    forecast_eur_per_year_365d: float


class ProviderForecast(Forecast, frozen=True, kw_only=True):
    """The same of a provider."""

    provider_id: UUID
    provider_code: str | None
    provider_name: str


class RegionForecast(Forecast, frozen=True, kw_only=True):
    """The same of a region."""

    provider_id: UUID
    provider_code: str | None
    region_id: UUID | None
    region_code: str | None
    region_name: str | None


class TypeForecast(Forecast, frozen=True, kw_only=True):
    """The same of a type of instance."""

    provider_id: UUID
    provider_code: str | None
    instance_type_id: UUID | None
    instance_type_code: str | None
    instance_type_name: str | None


class InstanceForecast(Forecast, frozen=True, kw_only=True):
    """The same of an instance."""

    instance_id: UUID
    provider_id: UUID
    provider_code: str | None
    provider_name: str
    region_name: str | None
    zone_name: str | None
    instance_type_name: str | None


class ForecastRow(TotalForecast, frozen=True, kw_only=True):
    """The same at a minute, of everything or of a provider."""

    bucket_minute: datetime
    provider_id: UUID | None

    @classmethod
    def of(cls, minute: datetime, provider_id: UUID | None, rate: Decimal) -> Self:
        """Show it."""
        return cls(
            bucket_minute=minute,
            provider_id=provider_id,
            forecast_eur_per_year_365d=float(rate * 8_760),
            **_forecast(rate),
        )


class ActualRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a minute has cost."""

    bucket_minute: datetime
    provider_id: UUID | None
    instance_id: UUID | None
    amount_eur: float

    @classmethod
    def of(cls, row: MinuteRow) -> Self:
        """Show it."""
        return cls(
            bucket_minute=row.minute,
            provider_id=row.provider_id,
            instance_id=row.instance_id,
            amount_eur=_eur(row.amount),
        )


class CumulativeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What had ever been spent by the end of a minute."""

    bucket_minute: datetime
    provider_id: UUID | None
    instance_id: UUID | None
    cumulative_amount_eur: float

    @classmethod
    def of(cls, row: MinuteRow) -> Self:
        """Show it."""
        return cls(
            bucket_minute=row.minute,
            provider_id=row.provider_id,
            instance_id=row.instance_id,
            cumulative_amount_eur=_eur(row.amount),
        )

    @classmethod
    def total(cls, summary: Summary) -> Self:
        """Show what was ever spent on everything."""
        return cls(
            bucket_minute=summary.latest_minute,
            provider_id=None,
            instance_id=None,
            cumulative_amount_eur=_eur(summary.cumulative),
        )


class CurrentCostBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is rented now costs, and what was ever spent."""

    latest_bucket_minute: datetime | None
    forecast: list[ForecastRow]
    cumulative_total: CumulativeRow | None

    @classmethod
    def of(cls, summary: Summary) -> Self:
        """Show it: the total first, then by provider."""
        costs = summary.allocation
        rows = sorted(costs.at(CostLevel.PROVIDER), key=_provider)
        return cls(
            latest_bucket_minute=summary.at,
            forecast=[
                ForecastRow.of(summary.at, row.provider_id, row.amount)
                for row in [*costs.at(CostLevel.TOTAL), *rows]
            ],
            cumulative_total=CumulativeRow.total(summary),
        )


def _provider(row: CostRow) -> str:
    return str(row.provider_id)


class AllocationBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is rented now costs, and on what."""

    at_minute: datetime
    total: TotalForecast
    by_provider: list[ProviderForecast]
    by_region: list[RegionForecast]
    by_instance_type: list[TypeForecast]
    by_instance: list[InstanceForecast]


class SpentWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What a window has cost."""

    window: str
    minutes: int
    actual_spend_eur: float


class SummaryBody(msgspec.Struct, frozen=True, kw_only=True):
    """All that a dashboard shows at first sight."""

    latest_bucket_minute: datetime | None
    allocation: AllocationBody
    actual_spend_windows: list[SpentWindow]
    cumulative_total: CumulativeRow | None

    @classmethod
    def of(cls, summary: Summary) -> Self:
        """Show it."""
        costs = summary.allocation
        return cls(
            latest_bucket_minute=summary.latest_minute,
            allocation=AllocationBody(
                at_minute=summary.at,
                total=TotalForecast(
                    forecast_eur_per_year_365d=float(costs.total * 8_760),
                    **_forecast(costs.total),
                ),
                by_provider=_forecasts(costs, CostLevel.PROVIDER, ProviderForecast),
                by_region=_forecasts(costs, CostLevel.REGION, RegionForecast),
                by_instance_type=_forecasts(costs, CostLevel.INSTANCE_TYPE, TypeForecast),
                by_instance=_forecasts(costs, CostLevel.INSTANCE, InstanceForecast),
            ),
            actual_spend_windows=[
                SpentWindow(window=name, minutes=WINDOWS[name], actual_spend_eur=_eur(amount))
                for name, amount in summary.windows.items()
            ],
            cumulative_total=CumulativeRow.total(summary),
        )


class AdjustmentBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a closed hour was found to have cost more, or less."""

    id: UUID
    organization_id: UUID
    provider_id: UUID
    zone_id: UUID
    instance_type_id: UUID
    instance_id: UUID | None
    hour: datetime
    amount_eur: float
    reason: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: AdjustmentRow) -> Self:
        """Show it."""
        return cls(
            id=row.id,
            organization_id=row.organization_id,
            provider_id=row.provider_id,
            zone_id=row.zone_id,
            instance_type_id=row.instance_type_id,
            instance_id=row.instance_id,
            hour=row.hour,
            amount_eur=_eur(row.amount),
            reason=row.reason,
            recorded_at=row.recorded_at,
        )


class LeakBody(msgspec.Struct, frozen=True, kw_only=True):
    """A machine, or a disk that is left of one, that is paid for and not wanted."""

    provider_code: str
    provider_instance_id: str
    zone: str
    instance_type: str
    organization_id: UUID
    instance_id: UUID
    reason: LeakReason
    since: datetime
    until: datetime | None
    """When it was confirmed gone; `null` until then."""
    price_known: bool
    """Whether anybody has said what such a machine costs; if not, only its disks are counted."""
    eur_per_hour: float
    leaked_eur: float

    @classmethod
    def of(cls, leak: Leak, at: datetime) -> Self:
        """Show it."""
        return cls(
            provider_code=leak.provider_code,
            provider_instance_id=leak.machine_id,
            zone=leak.zone,
            instance_type=leak.instance_type,
            organization_id=leak.organization_id,
            instance_id=leak.instance_id,
            reason=leak.reason,
            since=leak.since,
            until=leak.until,
            price_known=leak.cost_per_hour is not None,
            eur_per_hour=float(leak.eur_per_hour),
            leaked_eur=float(leak.eur(at)),
        )


class LeakTotalBody(msgspec.Struct, frozen=True, kw_only=True):
    """All that has leaked at one provider."""

    provider_code: str
    leaked_eur: float
    open: int
    """How many machines cost at this moment."""
    eur_per_hour: float


class LeaksBody(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid for and not wanted."""

    at: datetime
    totals: Sequence[LeakTotalBody]
    leaks: Sequence[LeakBody]
    """Those first that still cost, then the newest."""

    @classmethod
    def of(cls, leaked: Leaked) -> Self:
        """Show it."""
        return cls(
            at=leaked.at,
            totals=[
                LeakTotalBody(
                    provider_code=total.provider_code,
                    leaked_eur=float(total.eur),
                    open=total.open,
                    eur_per_hour=float(total.eur_per_hour),
                )
                for total in leaked.totals
            ],
            leaks=[LeakBody.of(leak, leaked.at) for leak in leaked.leaks],
        )
