"""``/action_logs``, through the real application, over memory."""

import csv
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from inventiv_core.action_logs.entities import ActionLog, ActionType, Component
from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, NOON, OTHER, a_number, an_action, given
from tests.http.conftest import SignIn

INSTANCE = a_number()

ICONS = {
    "Activity", "AlertTriangle", "Archive", "CheckCircle", "Clock", "Cloud", "Database", "Server",
    "Zap",
}  # fmt: skip
COLORS = re.compile(
    r"bg-(\w+)-500 hover:bg-\1-600 text-white|bg-(\w+)-600 hover:bg-\2-700 text-white"
)


@pytest.fixture
async def logs(memory: MemoryAdapters) -> dict[str, ActionLog]:
    """Some actions of ACME, oldest first, and one of somebody else."""
    logs = {
        "asked": an_action(instance_id=INSTANCE).succeed(at=NOON + timedelta(milliseconds=250)),
        "refused": an_action(at=NOON + timedelta(seconds=1)).fail(
            code="INVALID_ZONE", message="No.", at=NOON + timedelta(seconds=1)
        ),
        "renting": replace(
            an_action(
                ActionType.PROVIDER_CREATE, instance_id=INSTANCE, at=NOON + timedelta(seconds=2)
            ),
            component=Component.ORCHESTRATOR,
        ),
    }
    theirs = an_action(owner=OTHER, instance_id=INSTANCE, at=NOON + timedelta(seconds=3))
    await given(memory.unit_of_work(), *logs.values(), theirs)
    return logs


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "renting refused asked"),
        ({"instance_id": str(INSTANCE)}, "renting asked"),
        ({"instance_id": str(a_number())}, ""),
        ({"component": "orchestrator"}, "renting"),
        ({"component": "api"}, "refused asked"),
        ({"status": "failed"}, "refused"),
        ({"status": "in_progress"}, "renting"),
        ({"action_type": "REQUEST_CREATE"}, "refused asked"),
        ({"action_type": "request_create"}, ""),  # exactly
        ({"status": "", "component": "", "action_type": ""}, "renting refused asked"),
        ({"action_type": "REQUEST_CREATE", "status": "success"}, "asked"),
        ({"limit": 2}, "renting refused"),
        ({"limit": 0}, ""),
        ({"limit": -5}, ""),
        ({"limit": 5000}, "renting refused asked"),
    ],
)
async def test_actions_come_newest_first_and_can_be_narrowed_down(
    owner: httpx.AsyncClient, logs: dict[str, ActionLog], params: dict[str, Any], expected: str
) -> None:
    rows = (await owner.get("/action_logs", params=params)).json()
    assert [row["id"] for row in rows] == [str(logs[name].id) for name in expected.split()]


@pytest.mark.parametrize(("params", "rows"), [({}, 100), ({"limit": 5000}, 1000)])
async def test_a_list_has_a_length_that_can_be_asked_for_up_to_a_bound(
    memory: MemoryAdapters, owner: httpx.AsyncClient, params: dict[str, Any], rows: int
) -> None:
    await given(memory.unit_of_work(), *(an_action() for _ in range(1001)))
    assert len((await owner.get("/action_logs", params=params)).json()) == rows


async def test_an_action_has_the_fields_that_clients_know(
    owner: httpx.AsyncClient, logs: dict[str, ActionLog]
) -> None:
    [row] = (await owner.get("/action_logs?status=success")).json()
    expected: dict[str, Any] = {
        "id": str(logs["asked"].id),
        "action_type": "REQUEST_CREATE",
        "component": "api",
        "status": "success",
        "error_message": None,
        "instance_id": str(INSTANCE),
        "duration_ms": 250,
        "created_at": "2026-01-01T12:00:00Z",
        "completed_at": "2026-01-01T12:00:00.250000Z",
        "metadata": {},
        "instance_status_before": None,
        "instance_status_after": None,
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "status", "rows"),
    [("manager", 200, 3), ("stranger", 200, 1), ("user", 403, None), ("loner", 400, None)],
)
async def test_actions_are_for_those_who_run_things(
    sign_in: SignIn, logs: dict[str, ActionLog], name: str, status: int, rows: int | None
) -> None:
    answer = await (await sign_in(name)).get("/action_logs")
    assert answer.status_code == status
    if rows is not None:
        assert len(answer.json()) == rows


async def test_who_asked_and_from_where_is_kept(
    owner: httpx.AsyncClient,
) -> None:
    me = (await owner.get("/auth/me")).json()["user_id"]
    await owner.post("/deployments", json={"zone": "", "instance_type": ""})
    [row] = (await owner.get("/action_logs")).json()
    assert (row["user_id"], row["source_ip"]) == (me, "192.0.2.1")


async def test_a_search_answers_in_an_envelope_with_counts_if_they_are_asked_for(
    owner: httpx.AsyncClient, logs: dict[str, ActionLog]
) -> None:
    body = (await owner.get("/action_logs/search")).json()
    rows = (await owner.get("/action_logs")).json()
    assert body == {
        "offset": 0,
        "limit": 200,
        "total_count": 3,
        "filtered_count": 3,
        "rows": rows,
        "next_cursor": None,
        "status_counts": None,
    }
    body = (await owner.get("/action_logs/search?include_stats=true&include_counts=false")).json()
    assert body["status_counts"] == {"success": 1, "failed": 1, "in_progress": 1}
    assert (body["total_count"], body["filtered_count"]) == (None, None)


async def test_a_search_is_sorted_and_narrowed_as_clients_ask_for_it(
    owner: httpx.AsyncClient, logs: dict[str, ActionLog]
) -> None:
    async def found(**query: str) -> list[str]:
        rows = (await owner.get("/action_logs/search", params=query)).json()["rows"]
        return [row["status"] for row in rows]

    newest = await found()
    assert await found(sort_by="status", sort_dir="asc") == sorted(newest)
    assert await found(sort_by=" STATUS ") == sorted(newest, reverse=True)
    assert await found(sort_by="", sort_dir="asc") == newest
    assert await found(sort_by="no such key") == newest
    assert await found(status="failed") == ["failed"]
    assert await found(status="", component="", action_type="") == newest
    assert await found(component="backend") == await found(component="api") != []
    assert await found(limit="1", offset="1") == newest[1:2]
    for key in ("duration_ms", "action_type", "provider_name", "instance_type", "instance_id"):
        assert len(await found(sort_by=key)) == 3
    assert (await owner.get("/action_logs/search?instance_id=x")).status_code == 400


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("csv", "text/csv; charset=utf-8"), ("ndjson", "application/x-ndjson")],
)
async def test_all_that_was_done_can_be_had_as_a_file(
    owner: httpx.AsyncClient, logs: dict[str, ActionLog], form: str, media_type: str
) -> None:
    answer = await owner.get("/action_logs/export", params={"format": form})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="action_logs.{form}"'
    rows = (await owner.get("/action_logs")).json()
    if form == "ndjson":
        assert [json.loads(line) for line in answer.text.splitlines()] == rows
        return
    lines = list(csv.DictReader(answer.text.splitlines()))
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    assert set(lines[0]) == set(rows[0])
    assert [json.loads(line["metadata"]) for line in lines] == [row["metadata"] for row in rows]


async def test_a_file_can_be_narrowed_down_and_may_be_empty(
    owner: httpx.AsyncClient, logs: dict[str, ActionLog]
) -> None:
    answer = await owner.get("/action_logs/export?format=ndjson&status=failed")
    assert len(answer.text.splitlines()) == 1
    answer = await owner.get("/action_logs/export?action_type=NEVER")
    assert len(answer.text.splitlines()) == 1  # the names
    assert (await owner.get("/action_logs/export?format=pdf")).status_code == 400


async def test_no_spreadsheet_takes_a_text_for_a_formula(
    owner: httpx.AsyncClient, memory: MemoryAdapters
) -> None:
    log = an_action().fail(code="E", message='=HYPERLINK("https://example.org")', at=NOON)
    await given(memory.unit_of_work(), log)
    answer = await owner.get("/action_logs/export")
    [line] = csv.DictReader(answer.text.splitlines())
    assert line["error_message"] == '\'=HYPERLINK("https://example.org")'


@pytest.mark.parametrize("path", ["search", "export"])
@pytest.mark.parametrize(("name", "status"), [("user", 403), ("loner", 400), ("stranger", 200)])
async def test_what_others_did_is_nobody_s_to_search(
    sign_in: SignIn, logs: dict[str, ActionLog], name: str, status: int, path: str
) -> None:
    answer = await (await sign_in(name)).get(f"/action_logs/{path}")
    assert answer.status_code == status
    assert not any(
        str(log.id) in answer.text for log in logs.values() if log.organization_id == ACME
    )


async def test_the_types_of_actions_are_those_that_the_console_can_show(
    sign_in: SignIn,
) -> None:
    rows = (await (await sign_in("user")).get("/action_types")).json()
    assert [(row["category"], row["code"]) for row in rows] == sorted(
        (row["category"], row["code"]) for row in rows
    )
    assert {*ActionType} <= {row["code"] for row in rows}
    for row in rows:
        assert set(row) == {"code", "label", "icon", "color_class", "category", "is_active"}
        assert row["icon"] in ICONS
        assert COLORS.fullmatch(row["color_class"])
        assert row["is_active"]
    labels = {row["code"]: row["label"] for row in rows}
    assert labels["WORKER_VLLM_HTTP_OK"] == "Worker VLLM HTTP Ok"
