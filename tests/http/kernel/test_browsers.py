"""What browsers are told, and what pages of other sites may not do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from dependency_injector.providers import Object
from litestar import Litestar

from inventiv_http.app import create_app
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.kernel.browsers import careful_with_browsers
from inventiv_http.settings import Settings, SettingsInvalid
from tests.conftest import SETTINGS, under_control
from tests.http.conftest import SignIn, client_of

ELSEWHERE = {"Origin": "https://elsewhere.example"}
PREFLIGHT = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, content-type",
}
CORS = "access-control-allow-origin"
CSP = "content-security-policy"


def app_with(**chosen: Any) -> Litestar:
    settings = msgspec.structs.replace(SETTINGS, **chosen)
    adapters = MemoryAdapters(settings=Object(settings), **under_control())
    return create_app(Application(adapters=adapters))


@asynccontextmanager
async def served_with(**chosen: Any) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(app_with(**chosen)) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/auth/me", "/nowhere", "/v1/models", "/events/stream"])
async def test_every_answer_says_what_it_is_not(anonymous: httpx.AsyncClient, path: str) -> None:
    headers = (await anonymous.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers[CSP] == "default-src 'none'; frame-ancestors 'none'"
    assert "strict-transport-security" not in headers
    assert CORS not in headers


@pytest.mark.parametrize("path", ["/docs", "/swagger-ui/", "/api-docs/swagger"])
async def test_the_documentation_may_run_what_it_is_made_of(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 200
    policy = answer.headers[CSP]
    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self'" in policy
    for part in ("<script src=", "<link href="):
        source = answer.text.partition(part)[2][1:].partition('"')[0]
        assert source.startswith("https://cdn.jsdelivr.net/")
    assert "https://cdn.jsdelivr.net;" in policy


@pytest.mark.parametrize("chosen", [{"public_url": "https://a.example"}, {"cookie_secure": True}])
async def test_where_there_is_tls_there_is_nothing_else(chosen: dict[str, Any]) -> None:
    async with served_with(**chosen) as client:
        headers = (await client.get("/")).headers
        assert headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://inventiv.test:81"])
async def test_a_foreign_page_cannot_use_its_visitors_session(
    owner: httpx.AsyncClient, origin: str
) -> None:
    changed = {"name": "Mine now", "slug": "mine"}
    for method, path in (("POST", "/organizations"), ("DELETE", "/users/1"), ("PUT", "/auth/me")):
        answer = await owner.request(method, path, json=changed, headers={"Origin": origin})
        assert answer.status_code == 403
        body = answer.json()
        assert (body["error"], body["message"]) == ("forbidden", "foreign_origin")
        assert body["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Mine now" not in (await owner.get("/organizations")).text


async def test_a_foreign_page_cannot_call_models_with_a_session(owner: httpx.AsyncClient) -> None:
    answer = await owner.post("/v1/chat/completions", json={"model": "any"}, headers=ELSEWHERE)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_origin"
    ours = await owner.post("/v1/chat/completions", json={"model": "any"})
    assert ours.status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://inventiv.test"}])
async def test_our_own_pages_and_the_consoles_proxy_can(
    owner: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await owner.post("/organizations", json={"name": "Ours"}, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_whoever_reads_is_let_through(owner: httpx.AsyncClient) -> None:
    answer = await owner.get("/auth/me", headers=ELSEWHERE)
    assert answer.status_code == 200  # the browser does not let the page see it
    assert CORS not in answer.headers


async def test_tokens_and_keys_are_nobody_elses(sign_in: SignIn, app: Litestar) -> None:
    owner = await sign_in("owner")
    token = owner.cookies["inventiv_session"]
    key = (await owner.post("/api_keys", json={"name": "key"})).json()["api_key"]
    bearer = {**ELSEWHERE, "Authorization": f"Bearer {token}"}
    async with client_of(app) as program:
        answer = await program.post("/organizations", json={"name": "By token"}, headers=bearer)
        assert answer.status_code == 200
        for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
            called = await program.post(
                "/v1/chat/completions", json={"model": "any"}, headers={**ELSEWHERE, **headers}
            )
            assert called.status_code == 404  # let in: there is no such model
    both = await owner.post("/organizations", json={"name": "Both"}, headers=bearer)
    assert both.status_code == 200


@pytest.mark.parametrize("path", ["/auth/logout", "/auth/login"])
async def test_without_a_session_there_is_nothing_to_misuse(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    answer = await anonymous.post(path, json={"email": "a", "password": "b"}, headers=ELSEWHERE)
    assert answer.status_code in {200, 401}


@pytest.mark.parametrize(
    ("chosen", "origin"),
    [
        ({"public_url": "https://api.example/"}, "https://api.example"),
        ({"frontend_url": "https://console.example:8443/app"}, "https://console.example:8443"),
        ({"frontend_domain": "console.example"}, "https://console.example"),
        ({"cors_origins": "https://a.example, http://b.example:8080"}, "http://b.example:8080"),
    ],
)
async def test_pages_that_the_operator_knows_may_use_sessions(
    chosen: dict[str, Any], origin: str
) -> None:
    cookie = {"Cookie": "other=1; inventiv_session=whatever"}
    async with served_with(**chosen) as client:
        known = await client.post("/organizations", json={}, headers={**cookie, "Origin": origin})
        assert known.status_code == 401
        foreign = await client.post("/organizations", json={}, headers={**cookie, **ELSEWHERE})
        assert foreign.status_code == 403


async def test_by_default_no_other_page_can_read_anything(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.options("/organizations", headers={**ELSEWHERE, **PREFLIGHT})
    assert not answer.is_success
    assert CORS not in answer.headers


async def test_named_pages_may_read_and_bring_their_session() -> None:
    page = {"Origin": "https://a.example"}
    async with served_with(cors_origins="https://a.example") as client:
        asked = await client.options("/v1/chat/completions", headers={**page, **PREFLIGHT})
        assert asked.status_code == 204
        assert asked.headers[CORS] == "https://a.example"
        assert asked.headers["access-control-allow-credentials"] == "true"
        assert "PUT" in asked.headers["access-control-allow-methods"]
        assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
        assert "content-length" not in asked.headers
        for answer in (
            await client.get("/version", headers=page),
            await client.post("/v1/chat/completions", json={}, headers=page),
        ):
            assert answer.headers[CORS] == "https://a.example"
            assert answer.headers["vary"] == "Origin"
            assert "x-request-id" in answer.headers["access-control-expose-headers"]
        for path in ("/version", "/v1/models"):
            other = await client.get(path, headers=ELSEWHERE)
            assert CORS not in other.headers
            assert other.headers["vary"] == "Origin"
        refused = await client.options("/organizations", headers={**ELSEWHERE, **PREFLIGHT})
        assert CORS not in refused.headers


async def test_all_pages_may_read_but_never_with_a_session() -> None:
    async with served_with(cors_origins="*") as client:
        asked = await client.options("/v1/models", headers={**ELSEWHERE, **PREFLIGHT})
        assert (asked.status_code, asked.headers[CORS]) == (204, "*")
        assert "access-control-allow-credentials" not in asked.headers
        misused = await client.post(
            "/organizations", json={}, headers={**ELSEWHERE, "Cookie": "inventiv_session=a"}
        )
        assert misused.status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "a.example",
        "https://a.example/",
        "https://a.example:443",
        "ftp://a.example",
        "https://",
        "x:y",
    ],
)
def test_what_is_no_origin_is_said_at_the_start(origin: str) -> None:
    with pytest.raises(SettingsInvalid, match="INVENTIV_CORS_ORIGINS"):
        Settings(cors_origins=origin).allowed_origins()


async def test_calls_to_models_pass_through_untouched() -> None:
    """Nothing is wrapped, added or awaited on the way of a program's call."""
    app, seen = app_with(), []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(send)

    async def send(_: Any) -> None: ...

    call: Any = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
    handle: Any = careful_with_browsers(app.state.settings, app.state.gateway.lane)(inner)
    await handle(call, None, send)
    assert seen == [send]
