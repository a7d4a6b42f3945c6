"""``/action_logs``, through the real application, over memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from inventiv_core.action_logs.entities import ActionLog, ActionType, Component
from inventiv_http.container import MemoryAdapters
from tests.builders import NOON, OTHER, a_number, an_action, given
from tests.http.conftest import SignIn

INSTANCE = a_number()


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
