"""Two organizations: one has machines and offers what they serve, the other one pays for it."""

from functools import partial
from typing import Any, Final
from uuid import UUID

import httpx

from tests.acceptance.server import deploy, eventually, sell_time, the_order, wait_for
from tests.acceptance.test_several_processes import PASSWORD, signed_in
from tests.faults.load import ECHO, MESSAGES, Party
from tests.faults.site import Site

GUEST: Final = "guest@example.org"
PRICE: Final = {"input_per_1m_tokens_eur": 100.0, "output_per_1m_tokens_eur": 2500.5}
STAYING: Final = 2
"""Machines that nobody gives back before the end."""


def made(answer: httpx.Response) -> Any:
    """Return what an answer says, which must be a good one."""
    assert answer.is_success, f"{answer.request.url}: {answer.text}"
    return answer.json()


def founded(site: Site) -> tuple[list[Party], list[str]]:
    """Return the organizations, and the instances that stay."""
    with signed_in(site.apis[0].server) as host:
        sell_time(host)
        order = the_order(host)
        staying = [deploy(host) for _ in range(STAYING)]
        made(host.post("/users", json={"email": GUEST, "password": PASSWORD}))
        slug = made(host.get("/auth/me"))["current_organization_slug"]
        offer = {
            "model_id": order["model_id"],
            "name": "Echo",
            "code": "echo",
            "price": PRICE,
            "visibility": "public",
            "access_policy": "pay_per_token",
        }
        made(host.post("/offerings", json=offer))
        with signed_in(site.apis[1].server, GUEST) as guest:
            made(guest.post("/organizations", json={"name": "Guest", "slug": "guest"}))
            parties = [_party(host, ECHO, order), _party(guest, f"{slug}/echo", order)]
            top_up = {"organization_id": str(parties[1].organization_id), "amount_eur": 1000}
            made(host.post("/finops/wallet/top-ups", json=top_up))
        for instance_id in staying:
            wait_for(host, instance_id, "ready")
        for party in parties:
            for api in site.apis:
                eventually(partial(_is_served, party, api.server.port), "the first answer")
    return parties, staying


def _party(client: httpx.Client, model: str, order: dict[str, Any]) -> Party:
    me = made(client.get("/auth/me"))
    return Party(
        organization_id=UUID(me["current_organization_id"]),
        token=client.cookies["inventiv_session"],
        key=made(client.post("/api_keys", json={"name": "load"}))["api_key"],
        model=model,
        order=order,
    )


def _is_served(party: Party, port: int) -> bool:
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    headers = {"Authorization": f"Bearer {party.key}", "X-Request-Id": FIRST}
    body = {"model": party.model, "messages": MESSAGES}
    return httpx.post(url, json=body, headers=headers, trust_env=False).is_success


FIRST: Final = "first"
"""What the calls are called that are made before there is load."""
