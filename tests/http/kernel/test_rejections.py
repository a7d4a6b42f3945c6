"""Requests that never reach a use case."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import Application
from tests.http.conftest import SignIn

JSON = {"Content-Type": "application/json"}
LARGE = b'{"zone":"' + b"x" * (2 * 1024 * 1024) + b'"}'


def shaped(answer: httpx.Response, status: int, code: str) -> None:
    """Require an error of the usual shape, whoever has found it."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["error"], body["message"]) == (code, code)
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("body", ["", "{", "nonsense", '{"zone":"a",}', '{"zone":"a"} x'])
async def test_a_body_that_is_not_json_is_a_bad_request(
    owner: httpx.AsyncClient, body: str
) -> None:
    shaped(await owner.post("/deployments", content=body, headers=JSON), 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"zone": 5, "instance_type": "a"}, "zone"),
        ({"zone": None, "instance_type": "a"}, "zone"),
        ({"zone": "a", "instance_type": "a", "model_id": "no uuid"}, "model_id"),
        ({"zone": "a"}, "instance_type"),
        ([], "object"),
        ("text", "object"),
    ],
)
async def test_json_of_the_wrong_kind_cannot_be_processed(
    owner: httpx.AsyncClient, body: Any, field: str
) -> None:
    answer = await owner.post("/deployments", json=body)
    shaped(answer, 422, "invalid_request")
    assert field in str(answer.json()["problems"])


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_what_does_not_call_itself_json_is_not_read(
    owner: httpx.AsyncClient, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    answer = await owner.post("/deployments", content="{}", headers=headers)
    shaped(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"]
)
async def test_json_goes_by_several_names(owner: httpx.AsyncClient, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await owner.post("/deployments", content="{}", headers=headers)
    assert answer.status_code == 422


async def test_a_body_that_is_too_large_is_refused_by_its_length_or_while_it_comes(
    owner: httpx.AsyncClient,
) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 65536):
            yield LARGE[start : start + 65536]

    for content in (LARGE, in_pieces()):
        answer = await owner.post("/deployments", content=content, headers=JSON)
        shaped(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/instances/not-a-uuid"),
        ("DELETE", "/instances/not-a-uuid"),
        ("GET", "/zones/1/instance_types"),
        ("GET", "/action_logs?instance_id=1"),
        ("GET", "/action_logs?limit=many"),
        ("GET", "/events/stream?instance_id=1"),
        ("GET", "/instances?archived=maybe"),
        ("GET", "/models?active=2"),
    ],
)
async def test_a_value_that_cannot_be_read_is_a_bad_request(
    owner: httpx.AsyncClient, method: str, path: str
) -> None:
    shaped(await owner.request(method, path), 400, "invalid_request")


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/instances/", "/auth/me/", "/health/", "/v1/models/", "/version/x"],
)
async def test_there_is_nothing_at_paths_that_are_almost_right(
    owner: httpx.AsyncClient, path: str
) -> None:
    answer = await owner.get(path)
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/instances", "GET"), ("GET", "/deployments", "POST"), ("GET", "/auth/login", "POST")],
)
async def test_a_wrong_method_is_told_the_right_one(
    owner: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await owner.request(method, path)
    shaped(answer, 405, "method_not_allowed")
    assert allowed in answer.headers["allow"]


async def test_nothing_is_ever_compressed(application: Application, sign_in: SignIn) -> None:
    await application.seed_models()(actor=PLATFORM)
    client = await sign_in("owner")
    for path in ("/models", "/api-docs/openapi.json", "/docs"):
        answer = await client.get(path, headers={"Accept-Encoding": "gzip, br, deflate, zstd"})
        assert answer.status_code == 200
        assert len(answer.content) > 2000  # so that it would be worth it
        assert "content-encoding" not in answer.headers


async def test_unknown_names_in_a_query_or_a_body_are_ignored(owner: httpx.AsyncClient) -> None:
    assert (await owner.get("/instances?colour=red")).status_code == 200
    answer = await owner.post("/auth/login", json={"email": "x", "password": "x", "colour": "red"})
    assert answer.json()["error"] == "invalid_credentials"
