"""A model that one organization runs and another one pays for, in a running server."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.server import Server, deploy, eventually, wait_for
from tests.acceptance.test_several_processes import PASSWORD, signed_in

PRICE = {"input_per_1m_tokens_eur": 100.0, "output_per_1m_tokens_eur": 2500.5}


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    running = Server(tmp_path / "data", {"INVENTIV_ADMIN_PASSWORD": PASSWORD}).start()
    yield running
    running.stop()


def ask(client: httpx.Client, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "One two three."}]}
    return client.post("/v1/chat/completions", json=body)


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_what_is_shared_is_used_charged_and_ends(server: Server) -> None:
    with signed_in(server) as provider, signed_in(server) as consumer:
        instance_id = deploy(provider)
        made(consumer.post("/organizations", json={"name": "Consumer", "slug": "consumer"}))
        payer = made(consumer.get("/auth/me"))["current_organization_id"]
        top_up = {"organization_id": payer, "amount_eur": 10}
        made(consumer.post("/finops/wallet/top-ups", json=top_up))
        [model] = [
            model
            for model in provider.get("/models", params={"active": "true"}).json()
            if model["model_id"] == "mock-echo-model"
        ]
        slug = made(provider.get("/auth/me"))["current_organization_slug"]
        wait_for(provider, instance_id, "ready")
        offering = made(
            provider.post(
                "/offerings",
                json={"model_id": model["id"], "name": "Echo", "code": "echo", "price": PRICE},
            )
        )
        name = offering["model"]
        assert name == f"{slug}/echo"
        assert ask(consumer, name).status_code == 404, "it is not shared yet"

        share = made(
            provider.post(
                f"/offerings/{offering['id']}/shares", json={"organization_slug": "consumer"}
            )
        )
        eventually(lambda: ask(consumer, name).status_code == 200, "the use of what is shared")
        assert name in {each["id"] for each in consumer.get("/v1/models").json()["data"]}
        assert name in {each["model"] for each in consumer.get("/chat/models").json()}
        usage = made(ask(consumer, name))["usage"]
        assert ask(consumer, "mock-echo-model").status_code == 503, "it has no machines of its own"

        one = (usage["prompt_tokens"] * 100 + usage["completion_tokens"] * 2500.5) / 1_000_000
        wallet = eventually(
            lambda: (
                seen
                if (seen := consumer.get("/finops/wallet").json())["wallet_balance_eur"] < 10 - one
                else None
            ),
            "the charge",
        )
        spent = 10 - wallet["wallet_balance_eur"]
        assert spent == pytest.approx(2 * one, abs=2e-6), "two calls were answered"
        statement = made(consumer.get("/finops/wallet/statement"))
        assert statement["closing_balance_eur"] == wallet["wallet_balance_eur"]

        assert provider.delete(f"/offerings/{offering['id']}/shares/{share['id']}").is_success
        eventually(lambda: ask(consumer, name).status_code == 404, "the end of the share")
        assert ask(provider, name).status_code == 200, "whoever offers it keeps it"
        assert provider.delete(f"/instances/{instance_id}").is_success
        wait_for(provider, instance_id, "terminated")
