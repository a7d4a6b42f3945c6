"""Wallets and prices of tokens, as clients see them."""

from typing import Any

import httpx
import pytest

from inventiv_core.finops.entities.tokens import TokenUsage
from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import Application
from tests.builders import ACME, NOON, a_number

WALLET = "/finops/wallet"


async def test_administrators_top_up_and_it_shows_everywhere(
    root: httpx.AsyncClient, owner: httpx.AsyncClient
) -> None:
    body = {"organization_id": str(ACME), "amount_eur": 12.5, "note": "welcome"}
    for _ in range(2):
        headers = {"Idempotency-Key": "one"}
        answer = await root.post(f"{WALLET}/top-ups", json=body, headers=headers)
        assert answer.json() == {"wallet_balance_eur": 12.5}
    wallet = (await owner.get(WALLET)).json()
    assert wallet == {"organization_id": str(ACME), "plan": "free", "wallet_balance_eur": 12.5}
    me = (await owner.get("/auth/me")).json()
    assert me["current_organization_wallet_balance_eur"] == 12.5
    logs = (await owner.get("/action_logs?action_type=WALLET_TOPPED_UP")).json()
    assert [log["metadata"]["after"] for log in logs] == [{"wallet_balance_eur": "12.5"}]


async def test_nobody_else_tops_up(owner: httpx.AsyncClient) -> None:
    body = {"organization_id": str(ACME), "amount_eur": 1}
    assert (await owner.post(f"{WALLET}/top-ups", json=body)).status_code == 403
    assert (await owner.put(f"{WALLET}/plan", json={**body, "plan": "free"})).status_code == 403


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"organization_id": str(ACME), "amount_eur": 0}, "amount_invalid"),
        ({"organization_id": str(ACME), "amount_eur": -1}, "amount_invalid"),
        ({"organization_id": str(ACME), "amount_eur": "0.0000001"}, "amount_invalid"),
        ({"amount_eur": 1}, "payer_ambiguous"),
        ({"organization_id": str(a_number()), "amount_eur": 1}, "wallet_not_found"),
    ],
)
async def test_what_is_no_top_up_is_refused(
    root: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    answer = await root.post(f"{WALLET}/top-ups", json=body)
    assert answer.json()["message"] == code


async def test_plans_are_changed_by_administrators(
    root: httpx.AsyncClient, owner: httpx.AsyncClient
) -> None:
    body = {"organization_id": str(ACME), "plan": "subscriber"}
    assert (await root.put(f"{WALLET}/plan", json=body)).json()["plan"] == "subscriber"
    assert (await owner.get(WALLET)).json()["plan"] == "subscriber"


async def test_prices_are_charged_and_stated(
    root: httpx.AsyncClient, owner: httpx.AsyncClient, application: Application
) -> None:
    price = {"kind": "model", "key": "acme/model", "input_eur": 0.002, "output_eur": "0.004"}
    made = await root.post("/finops/token-prices", json={**price, "per_tokens": 1000})
    assert made.status_code == 201
    assert made.json()["cached_input_eur"] == 0.002
    assert (await root.get("/finops/token-prices")).json() == [made.json()]
    usage = TokenUsage(
        request_id=a_number(), user_id=None, organization_id=ACME, api_key_id=None,
        instance_id=None, model_id="acme/model", input_tokens=10, output_tokens=5, at=NOON,
    )  # fmt: skip
    await application.charge_usage()([usage], actor=PLATFORM)
    statement = (await owner.get(f"{WALLET}/statement?month=2026-01")).json()
    assert statement == {
        "month": "2026-01",
        "opening_balance_eur": 0.0,
        "closing_balance_eur": -0.00004,
        "lines": [
            {
                "kind": "tokens",
                "at": "2026-01-01T00:00:00Z",
                "model_id": "acme/model",
                "note": None,
                "requests": 1,
                "input_tokens": 10,
                "output_tokens": 5,
                "amount_eur": -0.00004,
            }
        ],
    }
    file = await owner.get(f"{WALLET}/statement.csv")
    assert file.headers["content-type"].startswith("text/csv")
    assert file.text.splitlines() == [
        "kind,at,model_id,note,requests,input_tokens,output_tokens,amount_eur",
        "opening_balance,2026-01-01T00:00:00+00:00,,,,,,0",
        "tokens,2026-01-01T00:00:00+00:00,acme/model,,1,10,5,-0.000040",
        "closing_balance,2026-02-01T00:00:00+00:00,,,,,,-0.000040",
    ]


@pytest.mark.parametrize("month", ["2026", "2026-13", "January"])
async def test_a_month_is_a_month(owner: httpx.AsyncClient, month: str) -> None:
    answer = await owner.get(f"{WALLET}/statement?month={month}")
    assert (answer.status_code, answer.json()["message"]) == (400, "month_invalid")
