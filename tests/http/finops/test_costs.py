"""What dashboards are told of costs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.finops.use_cases.rentals import begin_rental
from inventiv_core.instances.entities import Instance
from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, NOON, OTHER, Market, a_leak, given
from tests.http.conftest import SignIn

MINUTES = {"minute": 1, "hour": 60, "day": 1_440, "month_30d": 43_200, "year_365d": 525_600}
SPENT = {"minute": 0.0125, "hour": 0.75, "day": 1.5, "month_30d": 1.5, "year_365d": 1.5}
DASHBOARD = "/finops/dashboard/costs"


@pytest.fixture
async def instance(memory: MemoryAdapters, market: Market, clock: ManualClock) -> Instance:
    """An instance of ACME's at 0.75 euros an hour, two hours old; and another one's."""
    mine, theirs = market.instance(owner=ACME), market.instance(owner=OTHER)
    await given(memory.unit_of_work(), mine, theirs)
    async with memory.unit_of_work()() as work:
        for one in (mine, theirs):
            await begin_rental(
                one, str(one.id), work, created_at=NOON, at=NOON, new_id=memory.new_id()
            )
    clock.advance(timedelta(hours=2))
    return mine


def parts(market: Market, instance: Instance, **amounts: float) -> dict[str, Any]:
    """Return one row of each level, with these amounts."""
    provider = {
        "provider_id": str(market.provider.id),
        "provider_code": "mock",
        "provider_name": "Mock",
    }
    place = {"provider_id": provider["provider_id"], "provider_code": "mock"}
    return {
        "provider": [{**provider, **amounts}],
        "region": [
            {
                **place,
                "region_id": str(market.region.id),
                "region_code": "local",
                "region_name": "Local",
                **amounts,
            }
        ],
        "instance_type": [
            {
                **place,
                "instance_type_id": str(market.kind.id),
                "instance_type_code": "mock-local-instance",
                "instance_type_name": "mock-local-instance",
                **amounts,
            }
        ],
        "instance": [
            {
                "instance_id": str(instance.id),
                **provider,
                "region_name": "Local",
                "zone_name": "Local",
                "instance_type_name": "mock-local-instance",
                **amounts,
            }
        ],
    }


FORECAST = {
    "burn_rate_eur_per_hour": 0.75,
    "forecast_eur_per_minute": 0.0125,
    "forecast_eur_per_hour": 0.75,
    "forecast_eur_per_day": 18.0,
    "forecast_eur_per_month_30d": 540.0,
}


async def test_a_summary_says_what_is_rented_and_what_was_spent(
    owner: httpx.AsyncClient, market: Market, instance: Instance
) -> None:
    answer = (await owner.get(f"{DASHBOARD}/summary?limit_instances=20")).json()
    levels = parts(market, instance, **FORECAST)
    assert answer == {
        "latest_bucket_minute": "2026-01-01T13:59:00Z",
        "allocation": {
            "at_minute": "2026-01-01T14:00:00Z",
            "total": {**FORECAST, "forecast_eur_per_year_365d": 6570.0},
            **{f"by_{level}": rows for level, rows in levels.items()},
        },
        "actual_spend_windows": [
            {"window": name, "minutes": MINUTES[name], "actual_spend_eur": SPENT[name]}
            for name in MINUTES
        ],
        "cumulative_total": {
            "bucket_minute": "2026-01-01T13:59:00Z",
            "provider_id": None,
            "instance_id": None,
            "cumulative_amount_eur": 1.5,
        },
    }


@pytest.mark.parametrize(
    ("query", "window", "minutes", "amount"),
    [
        ("window=Day", "Day", 1_440, 1.5),
        ("window=fortnight", "fortnight", 60, 0.75),
        ("minutes=30", "30m", 30, 0.375),
        ("", "60m", 60, 0.75),
        ("minutes=0", "1m", 1, 0.0125),
    ],
)
async def test_a_window_says_what_was_spent_on_what(
    owner: httpx.AsyncClient,
    market: Market,
    instance: Instance,
    query: str,
    window: str,
    minutes: int,
    amount: float,
) -> None:
    answer = (await owner.get(f"{DASHBOARD}/window?{query}")).json()
    start = NOON + timedelta(hours=2, minutes=-minutes)
    levels = parts(market, instance, amount_eur=amount)
    assert answer == {
        "window": window,
        "window_minutes": minutes,
        "bucket_end_minute": "2026-01-01T13:59:00Z",
        "bucket_start_minute": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "total_eur": amount,
        **{f"by_{level}_eur": rows for level, rows in levels.items()},
    }


async def test_the_last_minute_is_a_window_of_its_own(
    owner: httpx.AsyncClient, market: Market, instance: Instance
) -> None:
    answer = (await owner.get(f"{DASHBOARD}/current")).json()
    levels = parts(market, instance, amount_eur=0.0125)
    assert answer == {
        "bucket_minute": "2026-01-01T13:59:00Z",
        "total_minute_eur": 0.0125,
        **{f"by_{level}_minute": rows for level, rows in levels.items()},
    }


async def test_a_series_has_every_point_and_sums_to_its_window(
    owner: httpx.AsyncClient, instance: Instance
) -> None:
    points = (await owner.get(f"{DASHBOARD}/series?window=day")).json()
    assert len(points) == 96
    assert [point["bucket"] for point in points] == sorted(point["bucket"] for point in points)
    assert points[0] == {"bucket": "2025-12-31T14:00:00Z", "amount_eur": 0.0}
    assert sum(point["amount_eur"] for point in points) == pytest.approx(1.5)
    year = (await owner.get(f"{DASHBOARD}/series?window=year_365d&limit_points=220")).json()
    assert len(year) <= 220
    assert sum(point["amount_eur"] for point in year) == pytest.approx(1.5)


async def test_costs_now_are_told_by_provider_the_total_first(
    owner: httpx.AsyncClient, market: Market, instance: Instance
) -> None:
    answer = (await owner.get("/finops/cost/current")).json()
    row = {
        **FORECAST,
        "forecast_eur_per_year_365d": 6570.0,
        "bucket_minute": "2026-01-01T14:00:00Z",
    }
    assert answer["latest_bucket_minute"] == "2026-01-01T14:00:00Z"
    assert answer["forecast"] == [
        {**row, "provider_id": None},
        {**row, "provider_id": str(market.provider.id)},
    ]
    assert answer["cumulative_total"]["cumulative_amount_eur"] == 1.5


async def test_minutes_are_told_newest_first(
    owner: httpx.AsyncClient, market: Market, instance: Instance
) -> None:
    provider = f"provider_id={market.provider.id}"
    actual = (await owner.get(f"/finops/cost/actual/minute?minutes=2&{provider}")).json()
    assert actual == [
        {
            "bucket_minute": f"2026-01-01T13:{minute}:00Z",
            "provider_id": str(market.provider.id),
            "instance_id": None,
            "amount_eur": 0.0125,
        }
        for minute in (59, 58)
    ]
    both = f"{provider}&instance_id={instance.id}"
    cumulative = (await owner.get(f"/finops/cost/cumulative/minute?minutes=500&{both}")).json()
    assert len(cumulative) == 121  # since it was rented, at the end of the minute before
    assert cumulative[0]["cumulative_amount_eur"] == 1.5
    assert cumulative[0]["instance_id"] == str(instance.id)
    forecast = (await owner.get("/finops/cost/forecast/minute?minutes=3")).json()
    assert [row["bucket_minute"][11:16] for row in forecast] == ["14:00", "13:59", "13:58"]
    assert {row["burn_rate_eur_per_hour"] for row in forecast} == {0.75}


async def test_an_instance_is_found_only_together_with_its_provider(
    owner: httpx.AsyncClient, instance: Instance
) -> None:
    for kind in ("actual", "cumulative"):
        answer = await owner.get(f"/finops/cost/{kind}/minute?instance_id={instance.id}")
        assert answer.json() == []


async def test_the_platforms_administrators_see_all_and_nobody_else_does(
    owner: httpx.AsyncClient, root: httpx.AsyncClient, instance: Instance
) -> None:
    for client, status in ((root, 200), (owner, 403)):
        answer = await client.get(f"{DASHBOARD}/window?window=hour&whose=platform")
        assert answer.status_code == status
    everything = (await root.get(f"{DASHBOARD}/window?window=hour")).json()
    assert everything["total_eur"] == 1.5


@pytest.mark.parametrize(("name", "status"), [("manager", 200), ("user", 403), ("loner", 400)])
async def test_members_who_do_not_manage_see_no_costs(
    sign_in: SignIn, name: str, status: int
) -> None:
    client = await sign_in(name)
    assert (await client.get(f"{DASHBOARD}/summary")).status_code == status


async def test_where_nothing_was_ever_rented_all_is_zero(
    owner: httpx.AsyncClient, market: Market
) -> None:
    answer = (await owner.get(f"{DASHBOARD}/summary")).json()
    assert answer["allocation"]["total"]["burn_rate_eur_per_hour"] == 0
    assert [row["actual_spend_eur"] for row in answer["actual_spend_windows"]] == [0] * 5
    assert (await owner.get("/finops/cost/actual/minute")).json() == []
    assert (await owner.get("/finops/cost/adjustments")).json() == []


async def test_administrators_of_the_platform_see_what_was_paid_for_and_not_wanted(
    memory: MemoryAdapters, clock: ManualClock, sign_in: SignIn, root: httpx.AsyncClient
) -> None:
    leak = a_leak(cost_per_hour=Decimal("0.75"))
    async with memory.unit_of_work()() as work:
        await work.leaks.begin(leak)
    clock.advance(timedelta(hours=2))
    answer = (await root.get("/finops/leaks")).json()
    assert answer["totals"] == [
        {"provider_code": "mock", "leaked_eur": 1.5, "open": 1, "eur_per_hour": 0.75}
    ]
    [row] = answer["leaks"]
    assert row == {
        "provider_code": "mock",
        "provider_instance_id": leak.machine_id,
        "zone": "local",
        "instance_type": "mock-local-instance",
        "organization_id": str(ACME),
        "instance_id": str(leak.instance_id),
        "reason": "stray",
        "since": "2026-01-01T12:00:00Z",
        "until": None,
        "price_known": True,
        "eur_per_hour": 0.75,
        "leaked_eur": 1.5,
    }
    for name in ("owner", "manager", "user"):
        assert (await (await sign_in(name)).get("/finops/leaks")).status_code == 403
