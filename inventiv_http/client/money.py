"""What it costs and who pays. Amounts are euros."""

from decimal import Decimal
from typing import Literal, TypeAlias, TypedDict

from inventiv_http.client.calls import Call, call

Whose: TypeAlias = Literal["organization", "platform"]
"""Whose costs are asked for; the platform's take an administrator of it."""


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


class Money:
    """What it costs, and who pays."""

    @call
    def cost_summary(
        self, *, limit_instances: int | None = None, whose: Whose = "organization"
    ) -> Call[CostSummary]:
        """Say what is rented now costs."""
        return Call(
            path="/finops/dashboard/costs/summary",
            query={"limit_instances": limit_instances, "whose": whose},
            answer=CostSummary,
        )

    @call
    def spending(
        self,
        *,
        window: str | None = None,
        minutes: int | None = None,
        limit_instances: int | None = None,
        whose: Whose = "organization",
    ) -> Call[Spending]:
        """Say what was spent within some time that ends now, and on what.

        The window is ``minute``, ``hour``, ``day``, ``week`` or ``year_365d``; minutes do instead.
        """
        return Call(
            path="/finops/dashboard/costs/window",
            query={
                "window": window,
                "minutes": minutes,
                "limit_instances": limit_instances,
                "whose": whose,
            },
            answer=Spending,
        )

    @call
    def wallet(self) -> Call[Wallet]:
        """Say what is in the wallet of the workspace."""
        return Call(path="/finops/wallet", answer=Wallet)

    @call
    def statement(self, *, month: str | None = None) -> Call[Statement]:
        """Read a month of the workspace's wallet, such as ``2026-01``; else the present one."""
        return Call(path="/finops/wallet/statement", query={"month": month}, answer=Statement)

    @call
    def top_up(
        self,
        amount_eur: Decimal,
        *,
        user_id: str | None = None,
        organization_id: str | None = None,
        note: str | None = None,
        key: str | None = None,
    ) -> Call[ToppedUp]:
        """Put money into the wallet of a user or an organization; takes an administrator.

        It is put in once for each key, within a day, however often you ask. Without one, it is put
        in once for each time this is called, however often that has to be sent.
        """
        payer = {"user_id": user_id, "organization_id": organization_id}
        said = {name: id_ for name, id_ in payer.items() if id_ is not None}
        return Call(
            method="POST",
            path="/finops/wallet/top-ups",
            body={**said, "amount_eur": f"{amount_eur:f}", "note": note},
            answer=ToppedUp,
            takes_key=True,
            key=key,
        )
