"""`inventiv costs`: what is rented now costs, and what was spent."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Final, TypedDict

import typer

from inventiv_http.cli.errors import UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output, euros
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import CostSummary, Spending, Whose

MOST_INSTANCES: Final = 2_000
MONTH: Final = "month"
_NAMES: Final[Mapping[str, str]] = MappingProxyType({
    "minute": "the last minute",
    "hour": "the last hour",
    "day": "the last day",
    "week": "the last seven days",
    MONTH: "this month (UTC)",
    "year": "the last 365 days",
})  # fmt: skip


def costs(
    *,
    of: Annotated[
        str,
        typer.Option(
            "--of",
            metavar="|".join(_NAMES),
            help="Which time to look back at; a month is the present one, in UTC.",
        ),
    ] = MONTH,
    top: Annotated[
        int, typer.Option("--top", min=1, max=MOST_INSTANCES, help="The dearest so many.")
    ] = 20,
    platform: Annotated[
        bool, typer.Option("--platform", help="Of all organizations; takes an administrator.")
    ] = False,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Say what is rented now costs, what was spent this month, and on what."""
    if of not in _NAMES:
        raise UsageWrong(sentence=f"{of!r} is not one of {', '.join(_NAMES)}.")
    wanted = asked(url, username, password)
    run(_costs(wanted, of, top, Output(as_json), of_platform=platform))


class Window(TypedDict, total=False):
    """A time that ends now: one with a name, or so many minutes."""

    window: str
    minutes: int


def window_of(name: str, *, now: datetime) -> Window:
    """Return how the server is asked for a time that ends now."""
    if name != MONTH:
        return {"window": "year_365d" if name == "year" else name}
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return {"minutes": max((now - begin) // timedelta(minutes=1), 1)}


async def _costs(wanted: Asked, of: str, top: int, out: Output, *, of_platform: bool) -> None:
    whose: Whose = "platform" if of_platform else "organization"
    async with connected(wanted) as server:
        summary = await server.cost_summary(limit_instances=top, whose=whose)
        spending = await server.spending(
            limit_instances=top, whose=whose, **window_of(of, now=datetime.now(UTC))
        )
        instances = [] if of_platform else await server.instances()
    models = {row["id"]: row["model_code"] or "-" for row in instances}
    _say_totals(summary, spending, _NAMES[of], out)
    _show_types(spending, out)
    _show_instances(summary, spending, models, out)
    out.document({"now": summary, "spent": spending})


def _say_totals(summary: CostSummary, spending: Spending, time: str, out: Output) -> None:
    burning, ever = summary["allocation"]["total"], summary["cumulative_total"]
    out.say(
        f"Now: {euros(burning['burn_rate_eur_per_hour'])}/h,"
        f" which is {euros(burning['forecast_eur_per_day'])} a day"
        f" and {euros(burning['forecast_eur_per_month_30d'])} in 30 days."
    )
    whole = "" if ever is None else f"; {euros(ever['cumulative_amount_eur'])} ever"
    out.say(f"Spent in {time}: {euros(spending['total_eur'])}{whole}.")


def _show_types(spending: Spending, out: Output) -> None:
    if not spending["by_instance_type_eur"]:
        return
    out.table(
        ("Provider", "Type", "Spent "),
        (
            (
                row["provider_code"] or "-",
                row["instance_type_code"] or "-",
                euros(row["amount_eur"]),
            )
            for row in spending["by_instance_type_eur"]
        ),
        empty="",
    )


def _show_instances(
    summary: CostSummary, spending: Spending, models: Mapping[str, str], out: Output
) -> None:
    rates = {
        row["instance_id"]: row["burn_rate_eur_per_hour"]
        for row in summary["allocation"]["by_instance"]
    }
    out.table(
        ("Instance", "Model", "Type", "Zone", "Now EUR/h ", "Spent "),
        (
            (
                row["instance_id"],
                models.get(row["instance_id"], "-"),
                row["instance_type_name"] or "-",
                row["zone_name"] or "-",
                euros(rates[row["instance_id"]]) if row["instance_id"] in rates else "-",
                euros(row["amount_eur"]),
            )
            for row in spending["by_instance_eur"]
        ),
        empty="Nothing was rented in that time.",
    )
