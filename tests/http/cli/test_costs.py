"""What it costs and who pays, from the command line."""

from datetime import UTC, datetime

import pytest

from inventiv_http.cli.costs import window_of
from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import INSTANCE_ID, Json, LittleServer, an_instance

DASHBOARD = "/finops/dashboard/costs"
OTHER_ID = "018f0000-0000-7000-8000-00000000000b"
SUMMARY: Json = {
    "allocation": {
        "total": {
            "burn_rate_eur_per_hour": 0.75,
            "forecast_eur_per_day": 18.0,
            "forecast_eur_per_month_30d": 540.0,
        },
        "by_instance": [{"instance_id": INSTANCE_ID, "burn_rate_eur_per_hour": 0.75}],
    },
    "cumulative_total": {"cumulative_amount_eur": 99.5},
}
SPENDING: Json = {
    "window_minutes": 60,
    "total_eur": 3.25,
    "by_instance_type_eur": [
        {"provider_code": "sky", "instance_type_code": "L1", "amount_eur": 3.25}
    ],
    "by_instance_eur": [
        {
            "instance_id": id_,
            "provider_code": "sky",
            "zone_name": "Sky 1",
            "instance_type_name": "L1",
            "amount_eur": amount,
        }
        for id_, amount in ((INSTANCE_ID, 3.0), (OTHER_ID, 0.25))
    ],
}
STATEMENT: Json = {
    "month": "2026-01",
    "opening_balance_eur": 0.0,
    "closing_balance_eur": 9.996,
    "lines": [
        {
            "kind": "top_up", "at": "2026-01-01T12:00:00Z", "model_id": None, "note": None,
            "requests": None, "input_tokens": None, "output_tokens": None, "amount_eur": 10.0,
        },
        {
            "kind": "tokens", "at": "2026-01-01T00:00:00Z", "model_id": "acme/model", "note": None,
            "requests": 2, "input_tokens": 2000, "output_tokens": 1000, "amount_eur": -0.004,
        },
    ],
}  # fmt: skip


@pytest.fixture
def books(server: LittleServer) -> LittleServer:
    """A server that knows what things cost."""
    server.instances = {INSTANCE_ID: an_instance(INSTANCE_ID, "ready")}
    server.coming = []
    server.canned = {
        f"{DASHBOARD}/summary": SUMMARY,
        f"{DASHBOARD}/window": SPENDING,
        "/finops/wallet": {"organization_id": None, "plan": "free", "wallet_balance_eur": -0.0025},
        "/finops/wallet/statement": STATEMENT,
        "/finops/wallet/top-ups": {"wallet_balance_eur": 62.5},
    }
    return server


def test_costs_say_what_is_rented_what_was_spent_and_on_what(ada: Cli, books: LittleServer) -> None:
    assert ada.json("costs") == {"now": SUMMARY, "spent": SPENDING}
    shown = ada("costs").stdout
    for fact in ("€0.7500/h", "€18.0000 a day", "€540.0000", "€3.2500; €99.5000 ever"):
        assert fact in shown
    lines = [line.split() for line in shown.splitlines() if line.startswith("018f")]
    assert lines[0][1] == "mock-echo-model"
    assert (lines[0][-2:], lines[1][-2:]) == (["€0.7500", "€3.0000"], ["-", "€0.2500"])
    assert books.queries[f"{DASHBOARD}/window"]["limit_instances"] == "20"
    ada("costs", "--of", "week", "--top", "3", "--platform")
    assert books.queries[f"{DASHBOARD}/window"] == {
        "limit_instances": "3", "whose": "platform", "window": "week",
    }  # fmt: skip


def test_where_nothing_was_rented_that_is_said(ada: Cli, books: LittleServer) -> None:
    nothing = {"total_eur": 0.0, "by_instance_type_eur": [], "by_instance_eur": []}
    books.canned[f"{DASHBOARD}/window"] = SPENDING | nothing
    assert "Nothing was rented" in ada("costs").stdout


def test_a_month_begins_on_its_first_day_and_others_are_as_long_as_they_say() -> None:
    now = datetime(2026, 3, 2, 1, 0, 59, tzinfo=UTC)
    assert window_of("month", now=now) == {"minutes": 25 * 60}
    assert window_of("month", now=now.replace(day=1, hour=0)) == {"minutes": 1}
    assert window_of("year", now=now) == {"window": "year_365d"}
    assert window_of("hour", now=now) == {"window": "hour"}


@pytest.mark.parametrize(
    "words",
    [
        ("costs", "--of", "decade"),
        ("wallet", "statement", "2026-13"),
        ("wallet", "top-up", "5"),
        ("wallet", "top-up", "5", "--user", "ada", "--organization", "looms"),
        ("wallet", "top-up", "0", "--user", "ada"),
        ("wallet", "top-up", "NaN", "--user", "ada"),
        ("wallet", "top-up", "much", "--user", "ada"),
    ],
)
def test_what_cannot_be_meant_is_not_asked(
    ada: Cli, books: LittleServer, words: tuple[str, ...]
) -> None:
    assert ada(*words).exit_code == 2
    assert not books.calls


def test_a_wallet_is_shown_to_the_last_digit(ada: Cli, books: LittleServer) -> None:
    assert ada("wallet").stdout == "-€0.0025 in your own wallet; plan: free.\n"
    assert ada.json("wallet")["wallet_balance_eur"] == -0.0025


def test_a_statement_goes_from_one_balance_to_the_other(ada: Cli, books: LittleServer) -> None:
    assert ada.json("wallet", "statement") == STATEMENT
    assert books.queries["/finops/wallet/statement"] == {}
    shown = ada("wallet", "statement", "2026-01").stdout
    assert books.queries["/finops/wallet/statement"] == {"month": "2026-01"}
    for fact in ("from €0.00", "top up", "€10.00", "acme/model", "-€0.004", "to €9.996"):
        assert fact in shown


def test_money_is_put_into_the_wallet_that_is_meant(ada: Cli, books: LittleServer) -> None:
    done = ada.json("wallet", "top-up", "12.50", "--organization", "looms", "--note", "January")
    assert done == {"organization_id": "o-looms", "wallet_balance_eur": 62.5}
    assert books.bodies["/finops/wallet/top-ups"] == {
        "organization_id": "o-looms", "amount_eur": "12.50", "note": "January",
    }  # fmt: skip
    assert "€62.50" in ada("wallet", "top-up", "1e2", "--user", OTHER_ID).stdout
    body = books.bodies["/finops/wallet/top-ups"]
    assert (body["user_id"], body["amount_eur"]) == (OTHER_ID, "100")
    [person, *_] = ada.json("users", "list")
    ada("wallet", "top-up", "1", "--user", person["username"].upper())
    assert books.bodies["/finops/wallet/top-ups"]["user_id"] == person["id"]
    for option in ("--user", "--organization"):
        assert ada("wallet", "top-up", "1", option, "nobody").exit_code == 1
