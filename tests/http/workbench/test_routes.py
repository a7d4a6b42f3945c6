"""``/workbench`` and ``/chat/models``, through the real application, over memory."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.entities.users import User
from inventiv_core.instances.entities import InstanceStatus
from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, Market, a_key, a_number, a_worker, given, key_text
from tests.http.conftest import Json, SignIn, client_of

RUN_FIELDS = {
    "id", "created_at", "started_at", "updated_at", "completed_at", "deleted_at",
    "created_by_user_id", "created_via_api_key_id", "organization_id", "shared_with_org",
    "shared_access", "project_id", "title", "model_id", "mode", "status", "ttft_ms",
    "duration_ms", "error_message", "input_tokens", "output_tokens", "cached_input_tokens",
    "cost_eur", "message_count",
}  # fmt: skip


async def begin(client: httpx.AsyncClient, **body: Any) -> Json:
    answer = await client.post("/workbench/runs", json={"model_id": "m/a", **body})
    assert answer.status_code == 200, answer.text
    run: Json = answer.json()["run"]
    return run


async def say(
    client: httpx.AsyncClient, run: Json, index: int, role: str, content: str
) -> httpx.Response:
    body = {"message_index": index, "role": role, "content": content}
    return await client.post(f"/workbench/runs/{run['id']}/messages", json=body)


def user_id(memory: MemoryAdapters, name: str) -> Any:
    users = memory.database().table(User).values()
    return next(user.id for user in users if user.username == name)


async def program_of(
    app: Litestar, memory: MemoryAdapters, name: str = "owner"
) -> tuple[httpx.AsyncClient, UUID]:
    text = key_text(77)
    key = a_key(text, user=user_id(memory, name), organization=ACME)
    await given(memory.unit_of_work(), key)
    return client_of(app, headers={"X-API-Key": text}), key.id


async def test_a_chat_as_the_console_has_it(owner: httpx.AsyncClient) -> None:
    run = await begin(owner, api_key_id=None, mode="chat", metadata={"a": 1}, unknown=1)
    assert set(run) == RUN_FIELDS
    assert (run["status"], run["mode"], run["organization_id"]) == (
        "in_progress",
        "chat",
        str(ACME),
    )
    assert (run["shared_with_org"], run["title"], run["ttft_ms"]) == (False, None, None)
    path = f"/workbench/runs/{run['id']}"
    message = (await say(owner, run, 1, "user", "Hello  \n")).json()["message"]
    assert (message["message_index"], message["role"], message["content"]) == (1, "user", "Hello")
    await say(owner, run, 2, "assistant", "Hi!")
    end = {
        "status": "success", "ttft_ms": 12, "duration_ms": 34, "error_message": None,
        "metadata": {"b": 2},
    }  # fmt: skip
    done = (await owner.post(f"{path}/complete", json=end)).json()
    assert (done["status"], done["ttft_ms"], done["duration_ms"]) == ("success", 12, 34)
    await say(owner, run, 2, "user", "And now?")  # the console has loaded the run, and counts anew
    read = (await owner.get(path)).json()
    assert set(read) == {"run", "messages"}
    said = [(each["message_index"], each["content"]) for each in read["messages"]]
    assert said == [(1, "Hello"), (2, "Hi!"), (3, "And now?")]
    listed = await owner.get("/workbench/runs", params={"limit": 1000})
    assert [each["id"] for each in listed.json()] == [run["id"]]


async def test_null_clears_and_absent_keeps(owner: httpx.AsyncClient) -> None:
    body = {"name": " Été ", "shared_with_org": True}
    project = (await owner.post("/workbench/projects", json=body)).json()
    assert (project["name"], project["shared_with_org"]) == ("Été", True)
    run = await begin(owner, title="é" * 300, project_id=project["id"], shared_with_org=True)
    assert (run["title"], run["shared_access"]) == ("é" * 200, "read")
    path = f"/workbench/runs/{run['id']}"
    kept = (await owner.put(path, json={})).json()
    assert kept == run
    cleared = (await owner.put(path, json={"title": None, "project_id": None})).json()
    assert (cleared["title"], cleared["project_id"]) == (None, None)
    assert cleared["shared_with_org"] is True
    hidden = (await owner.put(path, json={"shared_with_org": False})).json()
    assert (hidden["shared_with_org"], hidden["shared_access"]) == (False, None)
    writable = (await owner.put(path, json={"shared_access": "write"})).json()
    assert (writable["shared_with_org"], writable["shared_access"]) == (True, "write")


async def test_what_is_shared_to_read_is_not_to_write(
    owner: httpx.AsyncClient, sign_in: SignIn
) -> None:
    run = await begin(owner, shared_with_org=True)
    path, colleague = f"/workbench/runs/{run['id']}", await sign_in("user")
    assert [each["id"] for each in (await colleague.get("/workbench/runs")).json()] == [run["id"]]
    refused = await say(colleague, run, 1, "user", "x")
    assert (refused.status_code, refused.json()["message"]) == (403, "run_is_read_only")
    assert (await colleague.delete(path)).json()["message"] == "owner_required"
    await owner.put(path, json={"shared_access": "write"})
    assert (await say(colleague, run, 1, "user", "x")).status_code == 200
    stranger = await sign_in("stranger")
    missing = await stranger.get(path)
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")


async def test_a_run_that_is_taken_away_is_told_once_more_and_then_gone(
    owner: httpx.AsyncClient,
) -> None:
    run = await begin(owner)
    gone = (await owner.delete(f"/workbench/runs/{run['id']}")).json()
    assert (gone["id"], gone["deleted_at"]) == (run["id"], "2026-01-01T12:00:00Z")
    assert (await owner.delete(f"/workbench/runs/{run['id']}")).status_code == 404
    assert (await owner.get("/workbench/runs")).json() == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"model_id": "  "}, 400, "model_id_required"),
        ({"model_id": "x" * 513}, 400, "model_id_too_long"),
        ({"api_key_id": str(a_number())}, 403, "api_key_not_allowed"),
        ({"project_id": str(a_number())}, 403, "project_not_allowed"),
        ({"model_id": None}, 422, "invalid_request"),
    ],
)
async def test_a_run_that_cannot_be_is_refused(
    owner: httpx.AsyncClient, body: Json, status: int, message: str
) -> None:
    answer = await owner.post("/workbench/runs", json={"model_id": "m", **body})
    assert (answer.status_code, answer.json()["message"]) == (status, message)


@pytest.mark.parametrize(
    ("call", "body", "message"),
    [
        ("messages", {"message_index": 1, "role": "robot", "content": "x"}, "invalid_role"),
        ("messages", {"message_index": 1, "role": "User", "content": " "}, "content_required"),
        (
            "messages",
            {"message_index": -1, "role": "user", "content": "x"},
            "invalid_message_index",
        ),
        ("complete", {"status": "in_progress"}, "invalid_status"),
        ("complete", {"status": "success", "ttft_ms": -1}, "run_invalid"),
    ],
)
async def test_what_cannot_be_said_is_refused(
    owner: httpx.AsyncClient, call: str, body: Json, message: str
) -> None:
    run = await begin(owner)
    answer = await owner.post(f"/workbench/runs/{run['id']}/{call}", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


async def test_a_key_has_runs_of_its_own_and_no_projects(
    app: Litestar, memory: MemoryAdapters, owner: httpx.AsyncClient
) -> None:
    client, key_id = await program_of(app, memory)
    async with client as program:
        run = await begin(program)
        assert run["created_via_api_key_id"] == str(key_id)
        assert run["created_by_user_id"] == str(user_id(memory, "owner"))
        assert (await say(program, run, 0, "system", "Beep")).status_code == 200
        path = f"/workbench/runs/{run['id']}"
        other = await begin(owner)
        assert (await program.get(f"/workbench/runs/{other['id']}")).status_code == 404
        for refused in (
            await program.put(path, json={"title": "x"}),
            await program.delete(path),
            await program.post("/workbench/projects", json={"name": "x"}),
        ):
            body = refused.json()
            assert (refused.status_code, body["error"]) == (403, "forbidden")
            assert body["message"] == "user_required"
        assert (await program.get("/workbench/projects")).json() == []
        assert (await program.get("/chat/models")).status_code == 401
    assert {each["id"] for each in (await owner.get("/workbench/runs")).json()} == {
        run["id"], other["id"],
    }  # fmt: skip


async def test_runs_are_searched_page_by_page(owner: httpx.AsyncClient, clock: ManualClock) -> None:
    runs = []
    for number in range(3):
        clock.advance(timedelta(minutes=1))
        runs.append(await begin(owner, title=f"Run {number}", model_id=f"m/{number % 2}"))
    await say(owner, runs[0], 1, "user", "A needle here")
    params: Json = {"limit": 2}
    first = (await owner.get("/workbench/runs/search", params=params)).json()
    assert [each["title"] for each in first["rows"]] == ["Run 2", "Run 1"]
    assert (first["total_count"], first["filtered_count"]) == (3, 3)
    params["cursor"] = first["next_cursor"]
    rest = (await owner.get("/workbench/runs/search", params=params)).json()
    assert ([each["title"] for each in rest["rows"]], rest["next_cursor"]) == (["Run 0"], None)
    for asked, found in (
        ({"q": "NEEDLE"}, ["Run 0"]),
        ({"model_id": "m/0"}, ["Run 2", "Run 0"]),
        ({"order_by": "created_at", "order_dir": "asc"}, ["Run 0", "Run 1", "Run 2"]),
        ({"status": "failed"}, []),
    ):
        page = (await owner.get("/workbench/runs/search", params=asked)).json()
        assert [each["title"] for each in page["rows"]] == found


async def test_a_run_is_taken_home(owner: httpx.AsyncClient) -> None:
    run = await begin(owner, title="Été à Paris")
    await say(owner, run, 1, "user", "Hello **you**")
    body = {"message_index": 2, "role": "assistant", "content": "Hi!", "output_tokens": 2}
    await owner.post(f"/workbench/runs/{run['id']}/messages", json=body)
    await owner.post(f"/workbench/runs/{run['id']}/complete", json={"status": "success"})
    path = f"/workbench/runs/{run['id']}/export"
    text = await owner.get(path)
    assert text.headers["content-type"].startswith("text/markdown")
    assert text.headers["content-disposition"] == 'attachment; filename="ete-a-paris.md"'
    assert text.text == (
        "# Été à Paris\n\n- Model: `m/a`\n- Begun: 2026-01-01 12:00:00 UTC\n- Status: success\n"
        "- Tokens: 0 in, 2 out\n\n## User\n\nHello **you**\n\n## Assistant\n\nHi!\n"
    )
    document = await owner.get(path, params={"format": "json"})
    assert document.json() == (await owner.get(f"/workbench/runs/{run['id']}")).json()
    assert (await owner.get(path, params={"format": "pdf"})).status_code == 400


async def test_projects_are_made_renamed_and_taken_away(
    owner: httpx.AsyncClient, sign_in: SignIn
) -> None:
    project = (await owner.post("/workbench/projects", json={"name": "Plan"})).json()
    assert project == {
        "id": project["id"],
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "deleted_at": None,
        "owner_user_id": project["owner_user_id"],
        "organization_id": str(ACME),
        "name": "Plan",
        "shared_with_org": False,
        "shared_access": None,
    }
    path = f"/workbench/projects/{project['id']}"
    renamed = (await owner.put(path, json={"name": "Idea", "shared_access": "read"})).json()
    assert (renamed["name"], renamed["shared_with_org"]) == ("Idea", True)
    colleague = await sign_in("manager")
    assert (await colleague.get("/workbench/projects")).json() == [renamed]
    assert (await colleague.put(path, json={"name": "x"})).status_code == 403
    assert (await owner.delete(path)).json()["deleted_at"] is not None
    assert (await owner.put(path, json={"name": "x"})).status_code == 404
    blank = await owner.post("/workbench/projects", json={"name": " "})
    assert (blank.status_code, blank.json()["message"]) == (400, "name_required")


async def test_an_organization_chooses_how_long_it_keeps_runs(
    owner: httpx.AsyncClient, sign_in: SignIn
) -> None:
    path = "/workbench/retention"
    assert (await owner.get(path)).json() == {"delete_after_days": None, "keeps_content": True}
    chosen = {"delete_after_days": 30, "keeps_content": False}
    assert (await owner.put(path, json=chosen)).json() == chosen
    manager = await sign_in("manager")
    assert (await manager.get(path)).json() == chosen
    assert (await manager.put(path, json=chosen)).status_code == 403
    refused = await owner.put(path, json=chosen | {"delete_after_days": 0})
    assert (refused.status_code, refused.json()["message"]) == (400, "retention_invalid")
    run = await begin(owner)
    message = (await say(owner, run, 1, "user", "Secret")).json()["message"]
    assert message["content"] == ""


async def test_whom_one_can_talk_to(
    memory: MemoryAdapters, owner: httpx.AsyncClient, sign_in: SignIn
) -> None:
    assert (await owner.get("/chat/models")).json() == []
    market = Market(model_id="vendor/chat-8b")
    instance = market.instance(status=InstanceStatus.READY, ip_address="192.0.2.1")
    await given(memory.unit_of_work(), *market.everything, instance, a_worker(instance))
    price = {"input_per_1m_tokens_eur": 0.5, "output_per_1m_tokens_eur": 1.5}
    offering = {
        "model_id": str(market.model.id), "name": "Ours", "code": "ours", "price": price,
        "visibility": "public",
    }  # fmt: skip
    assert (await owner.post("/offerings", json=offering)).status_code == 201
    first, second = (await owner.get("/chat/models")).json()
    assert first == {
        "model": "vendor/chat-8b",
        "label": market.model.name,
        "scope": "public",
        "underlying_model_id": "vendor/chat-8b",
        "through": "own",
        "price": None,
    }
    assert (second["model"], second["label"], second["scope"]) == ("acme/ours", "Ours", "org")
    loner = await sign_in("loner")
    [shown] = (await loner.get("/chat/models")).json()
    assert (shown["model"], shown["through"]) == ("acme/ours", "offering")
    assert shown["price"]["output_per_1m_tokens_eur"] == 1.5
