"""All routes, whatever they do."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from litestar.handlers import BaseRouteHandler

from inventiv_core.identity.access import HOLDERS, Holder
from inventiv_http.kernel.auth import has_rule, permission_of
from tests.builders import a_number

DOCUMENT = Path(__file__).parent / "openapi.json"
DOCUMENTATION = "/api-docs"


def routes(app: Litestar) -> Iterator[tuple[str, str, BaseRouteHandler]]:
    """Yield every path and method, and who answers; but not what Litestar adds by itself."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:  # type: ignore[union-attr]
            for method in sorted(getattr(handler, "http_methods", {"POST"}) - {"OPTIONS"}):
                if not route.path.startswith(DOCUMENTATION):
                    yield route.path, method, handler


def test_every_route_says_who_may_call_it(app: Litestar) -> None:
    found = list(routes(app))
    assert len(found) > 20
    assert {path for path, _, handler in found if not has_rule(handler)} == set()


def test_what_is_public_is_known(app: Litestar) -> None:
    public = {path for path, _, handler in routes(app) if permission_of(handler) is None}
    assert public == {
        "/", "/docs", "/swagger-ui", "/health", "/ready", "/version", "/api/version",
        "/auth/login", "/auth/logout", "/auth/password-reset/request", "/auth/password-reset/reset",
        "/invitations/{token:str}", "/invitations/{token:str}/register", "/metrics",
    }  # fmt: skip


async def test_whoever_is_not_signed_in_learns_nothing_not_even_about_the_body(
    app: Litestar, anonymous: httpx.AsyncClient
) -> None:
    answers: dict[str, Any] = {}
    for path, method, handler in routes(app):
        permission = permission_of(handler)
        if permission is not None and Holder.WORKER not in HOLDERS[permission]:
            concrete = re.sub(r"\{[^}]*\}", str(a_number()), path)
            for headers in ({}, {"Content-Type": "application/json"}):
                answer = await anonymous.request(method, concrete, content="{", headers=headers)
                answers[f"{method} {path}"] = answer.status_code
    assert len(answers) > 10
    assert {call: status for call, status in answers.items() if status != 401} == {}


def document(app: Litestar) -> Any:
    """Return the description of the API; that of another version is the same."""
    schema = json.loads(json.dumps(app.openapi_schema.to_schema(), default=str))
    schema["info"].pop("version")
    return schema


def test_the_api_is_the_one_that_was_agreed_on(app: Litestar) -> None:
    current = document(app)
    if os.environ.get("REFRESH_OPENAPI"):
        DOCUMENT.write_text(json.dumps(current, indent=1, sort_keys=True) + "\n")
    assert current == json.loads(DOCUMENT.read_text()), (
        "The API has changed. If it was meant to, run this test with REFRESH_OPENAPI=1 "
        "and commit tests/http/openapi.json."
    )
