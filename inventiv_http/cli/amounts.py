"""What the server says of money. Amounts are euros."""

from typing import TypedDict


class Burning(TypedDict):
    """What all that is rented now costs, if it stays as it is."""

    burn_rate_eur_per_hour: float
    forecast_eur_per_day: float
    forecast_eur_per_month_30d: float


class BurningInstance(TypedDict):
    """What one instance costs now."""

    instance_id: str
    burn_rate_eur_per_hour: float


class Allocation(TypedDict):
    """What is rented now costs, as a whole and by instance."""

    total: Burning
    by_instance: list[BurningInstance]


class Cumulated(TypedDict):
    """What was ever spent."""

    cumulative_amount_eur: float


class CostSummary(TypedDict):
    """What is rented now costs, and what was ever spent."""

    allocation: Allocation
    cumulative_total: Cumulated | None


class SpentOnType(TypedDict):
    """What was spent on one type of machine."""

    provider_code: str | None
    instance_type_code: str | None
    amount_eur: float


class SpentOnInstance(TypedDict):
    """What was spent on one instance."""

    instance_id: str
    provider_code: str | None
    zone_name: str | None
    instance_type_name: str | None
    amount_eur: float


class Spending(TypedDict):
    """What was spent within some time, and on what; the dearest first."""

    window_minutes: int
    total_eur: float
    by_instance_type_eur: list[SpentOnType]
    by_instance_eur: list[SpentOnInstance]


class Wallet(TypedDict):
    """What is in a wallet; without an organization it is the personal one."""

    organization_id: str | None
    plan: str
    wallet_balance_eur: float


class StatementLine(TypedDict):
    """What went in, or what one model's tokens have cost on one day."""

    kind: str
    at: str
    model_id: str | None
    note: str | None
    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    amount_eur: float


class Statement(TypedDict):
    """One month of a wallet."""

    month: str
    opening_balance_eur: float
    closing_balance_eur: float
    lines: list[StatementLine]


class ToppedUp(TypedDict):
    """What is in a wallet after something was put into it."""

    wallet_balance_eur: float
