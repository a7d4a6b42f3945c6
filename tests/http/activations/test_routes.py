"""Activations, through the real application, over memory."""

import httpx
import pytest

from inventiv_core.instances.entities import InstanceStatus
from inventiv_http.container import MemoryAdapters
from tests.builders import Market, a_number, given
from tests.http.conftest import SignIn


@pytest.mark.parametrize(
    ("side", "short", "may"),
    [("technical", "tech", "admin"), ("economic", "eco", "manager")],
)
async def test_an_activation_is_set_shown_and_withdrawn(
    memory: MemoryAdapters,
    market: Market,
    sign_in: SignIn,
    owner: httpx.AsyncClient,
    side: str,
    short: str,
    may: str,
) -> None:
    instance = market.instance(status=InstanceStatus.READY)
    await given(memory.unit_of_work(), instance)
    path = f"/instances/{instance.id}/activations/{side}"
    for name in {"admin", "manager", "user"} - {may}:
        assert (await (await sign_in(name)).put(path)).status_code == 403
    member = await sign_in(may)
    answer = await member.put(path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["instance_id"] == str(instance.id)
    assert body[f"{short}_activated_at"] is not None
    assert body["is_operational"] is False
    details = (await owner.get(f"/instances/{instance.id}")).json()
    assert details | body | {"instance_id": 0} == details | {"instance_id": 0}

    other = {"technical": "economic", "economic": "technical"}[side]
    await owner.put(f"/instances/{instance.id}/activations/{other}")
    assert (await owner.get(f"/instances/{instance.id}")).json()["is_operational"] is True
    withdrawn = await member.delete(path)
    assert withdrawn.status_code == 200
    assert withdrawn.json()[f"{short}_activated_by"] is None
    logs = (await owner.get("/action_logs?component=api")).json()
    assert f"INSTANCE_{short.upper()}_DEACTIVATED" in {log["action_type"] for log in logs}


async def test_what_is_over_or_not_there_is_not_activated(
    memory: MemoryAdapters, market: Market, owner: httpx.AsyncClient
) -> None:
    instance = market.instance(status=InstanceStatus.TERMINATING)
    await given(memory.unit_of_work(), instance)
    answer = await owner.put(f"/instances/{instance.id}/activations/technical")
    assert (answer.status_code, answer.json()["message"]) == (409, "activation_too_late")
    missing = await owner.put(f"/instances/{a_number()}/activations/technical")
    assert (missing.status_code, missing.json()["message"]) == (404, "instance_not_found")


async def test_an_owner_chooses_and_members_see_it(
    sign_in: SignIn, owner: httpx.AsyncClient
) -> None:
    path, wanted = "/organizations/current/activation", {"requires_double_activation": True}
    user = await sign_in("user")
    assert (await user.get(path)).json() == {"requires_double_activation": False}
    assert (await (await sign_in("admin")).put(path, json=wanted)).status_code == 403
    assert (await owner.put(path, json=wanted)).json() == wanted
    assert (await user.get(path)).json() == wanted
    assert (await owner.put(path, json={})).status_code == 422
