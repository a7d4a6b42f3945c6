"""What anybody may ask."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from litestar import Litestar

from inventiv_http.app import create_app
from inventiv_http.container import Application
from inventiv_http.kernel import routes
from tests.http.conftest import client_of


async def test_the_banner_names_the_product(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "Inventiv" in answer.text


@pytest.mark.parametrize("path", ["/version", "/api/version"])
async def test_the_version_says_since_when_it_runs(anonymous: httpx.AsyncClient, path: str) -> None:
    body = (await anonymous.get(path)).json()
    assert body == {"backend_version": routes.VERSION, "build_time": "2026-01-01 12:00:00 UTC"}
    assert re.match(r"\d+\.\d+\.\d+", routes.VERSION)


async def test_it_is_healthy_as_long_as_it_answers(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def well() -> None:
    """Pass."""


async def unwell() -> None:
    message = "password=hunter2 was refused"
    raise ConnectionError(message)


async def silent() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("probes", "status", "body"),
    [
        ({}, 200, {"status": "ok", "checks": {}}),
        ({"database": well}, 200, {"status": "ok", "checks": {"database": "ok"}}),
        (
            {"database": unwell, "redis": well},
            503,
            {
                "status": "unavailable",
                "checks": {"database": "failed: ConnectionError", "redis": "ok"},
            },
        ),
        (
            {"database": silent},
            503,
            {"status": "unavailable", "checks": {"database": "failed: TimeoutError"}},
        ),
    ],
)
async def test_it_is_ready_when_everything_it_needs_answers_in_time(
    application: Application,
    monkeypatch: pytest.MonkeyPatch,
    probes: dict[str, Any],
    status: int,
    body: dict[str, Any],
) -> None:
    monkeypatch.setattr(routes, "_PROBE_S", 0.01)
    async with client_of(create_app(application, readiness=probes)) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize("path", ["/docs", "/swagger-ui", "/swagger-ui/"])
async def test_people_can_read_the_documentation(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "/deployments" in answer.text


async def test_programs_can_read_the_documentation(
    app: Litestar, anonymous: httpx.AsyncClient
) -> None:
    document = (await anonymous.get("/api-docs/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    assert {"/deployments", "/instances", "/v1/models"} <= set(document["paths"])
