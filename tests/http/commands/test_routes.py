"""What operators trigger, over HTTP."""

import httpx
import pytest

from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import Application
from tests.builders import Market, a_number
from tests.http.conftest import SignIn


@pytest.mark.parametrize(
    ("path", "kind"), [("/reconcile", "reconcile"), ("/catalog/sync", "sync_catalog")]
)
async def test_a_command_is_triggered_carried_out_and_seen(
    application: Application, market: Market, root: httpx.AsyncClient, path: str, kind: str
) -> None:
    answer = await root.post(path)
    triggered = answer.json()
    assert (answer.status_code, triggered["status"]) == (200, "triggered")
    assert triggered["message"].endswith(".")
    assert (await root.post(path)).json() == triggered

    seen = (await root.get(f"/commands/{triggered['command_id']}")).json()
    assert (seen["kind"], seen["state"], seen["result"]) == (kind, "waiting", None)
    assert seen["asked_by_name"] == "root"
    assert (await root.get("/commands?limit=0")).json() == [seen]

    command = await application.claim_command()(actor=PLATFORM)
    assert command is not None
    await application.run_command()(command, actor=PLATFORM)
    [ended] = (await root.get("/commands")).json()
    assert ended["ended_at"] is not None
    assert ended["result"]["message"]
    if kind == "reconcile":
        assert (ended["state"], ended["error"]) == ("done", None)
    else:  # nothing is on offer
        assert (ended["state"], ended["error_code"]) == ("failed", "no_provider_answered")
    [log] = (await root.get("/platform/action_logs?action_type=COMMAND_TRIGGERED")).json()
    assert log["metadata"]["subject"]["name"] == kind


async def test_what_was_never_triggered_is_not_found(root: httpx.AsyncClient) -> None:
    answer = await root.get(f"/commands/{a_number()}")
    assert (answer.status_code, answer.json()["message"]) == (404, "command_not_found")
    assert (await root.get("/commands")).json() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/reconcile"), ("POST", "/catalog/sync"), ("GET", "/commands")],
)
async def test_who_does_not_operate_the_platform_triggers_and_sees_nothing(
    sign_in: SignIn, method: str, path: str
) -> None:
    for name in ("owner", "admin", "loner"):
        client = await sign_in(name)
        assert (await client.request(method, path)).status_code == 403
