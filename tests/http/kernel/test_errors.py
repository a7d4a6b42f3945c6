"""Whatever goes wrong reaches the client, in one shape, and without our inner words."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, TypeAlias
from uuid import UUID

import httpx
import pytest
from litestar import Litestar, get
from litestar.testing import RequestFactory

import inventiv_core
from inventiv_core.inference.errors import NoReadyWorker
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.kernel.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    RuleBroken,
    Unauthenticated,
    Unavailable,
    Unpaid,
    Upstream,
)
from inventiv_http.container import OUTAGES, Application, MemoryAdapters
from inventiv_http.kernel.auth import PUBLIC
from inventiv_http.kernel.errors import STATUS, domain_error
from tests.builders import a_number
from tests.http.conftest import SignIn

Failing: TypeAlias = Callable[..., Awaitable[httpx.Response]]

VALUES: dict[Any, Any] = {
    bool: True,
    int: 7,
    Decimal: 7,
    int | Decimal: 7,
    str: "something",
    int | None: 7,
    str | None: "something",
    Sequence[str]: ("something",),
    UUID: UUID(int=7),
    UUID | None: UUID(int=7),
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
    Sequence[dict[str, Any]]: ({"field": "something"},),
    Sequence[Mapping[str, Any]]: (),
    tuple[str, ...]: ("something",),
}


def errors(kind: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Yield every error of the core, and those that front ends add."""
    for module in walk_packages(inventiv_core.__path__, "inventiv_core."):
        import_module(module.name)
    for error in kind.__subclasses__():
        yield error
        yield from errors(error)


@pytest.fixture
def failing(app: Litestar, anonymous: httpx.AsyncClient) -> Failing:
    """Has a route raise an error, and returns what its caller gets."""

    async def answer(error: Exception, path: str = "/broken") -> httpx.Response:
        @get(path, opt=PUBLIC)
        async def broken() -> None:
            raise error

        app.register(broken)
        return await anonymous.get(path)

    return answer


@pytest.mark.parametrize("error", sorted(set(errors()) - set(STATUS), key=str))
def test_an_error_has_one_kind_and_one_sentence_and_facts_that_fit_beside_them(
    error: type[DomainError],
) -> None:
    assert len([kind for kind in STATUS if issubclass(error, kind)]) == 2  # its kind, and the root
    assert (error.__doc__ or "").partition("\n")[0].endswith(".")

    known: Any = error
    facts = {field.name: VALUES[field.type] for field in fields(known)}
    answer = domain_error(RequestFactory().get("/"), error(**facts))
    assert answer.status_code == STATUS[next(k for k in error.__mro__ if k in STATUS)]
    assert answer.content == {
        "error": error.kind,
        "message": error.code,
        "detail": str(error(**facts)),
        **facts,
        "request_id": "",
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Invalid, 400),
        (Unauthenticated, 401),
        (Unpaid, 402),
        (Forbidden, 403),
        (NotFound, 404),
        (Conflict, 409),
        (RuleBroken, 422),
        (Upstream, 502),
        (Unavailable, 503),
        (DomainError, 500),
    ],
)
async def test_every_kind_has_its_status(
    failing: Failing, kind: type[DomainError], status: int
) -> None:
    answer = await failing(kind())
    assert (answer.status_code, answer.json()["error"]) == (status, kind.kind)


async def test_an_error_is_a_kind_a_code_a_sentence_its_facts_and_a_number(
    failing: Failing,
) -> None:
    instance_id = a_number()
    answer = await failing(InstanceNotFound(instance_id=instance_id))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "error": "not_found",
        "message": "instance_not_found",
        "detail": "There is no such instance in this organization.",
        "instance_id": str(instance_id),
        "request_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Invalid(), "invalid_request_error"),
        (Unauthenticated(), "authentication_error"),
        (Unpaid(), "insufficient_quota"),
        (Forbidden(), "permission_error"),
        (RuleBroken(), "invalid_request_error"),
        (NoReadyWorker(model="m"), "api_error"),
        (RuntimeError(), "api_error"),
    ],
)
async def test_openai_clients_get_the_shape_they_know(
    failing: Failing, error: Exception, kind: str
) -> None:
    body = (await failing(error, "/v1/broken")).json()
    request_id, inner = body.pop("request_id"), body["error"]
    assert request_id
    assert inner["type"] == kind
    assert inner["param"] is None
    assert inner["message"] == body["message"]  # for the console, which reads no deeper
    assert inner["code"] == (error.code if isinstance(error, DomainError) else "internal_error")
    assert set(body) == {"error", "message"}


@pytest.mark.parametrize("path", ["/broken", "/v1/broken"])
async def test_our_own_mistakes_say_nothing_about_us(failing: Failing, path: str) -> None:
    answer = await failing(RuntimeError("SELECT password FROM users"), path)
    assert answer.status_code == 500
    assert "SELECT" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_of_the_database_says_when_to_come_back(
    failing: Failing, outage: type[Exception]
) -> None:
    answer = await failing(outage("connection to 10.0.0.1 refused"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    body = answer.json()
    assert (body["error"], body["message"]) == ("unavailable", "database_unavailable")
    assert "10.0.0.1" not in answer.text


async def test_an_outage_does_not_send_people_to_the_login_page(
    memory: MemoryAdapters, application: Application, sign_in: SignIn
) -> None:
    client = await sign_in("owner")

    class Gone:
        async def find(self, *_: Any, **__: Any) -> None:
            raise OUTAGES[0]

    with memory.session_queries.override(Gone()):
        assert (await client.get("/instances")).status_code == 503
    assert (await client.get("/instances")).status_code == 200


async def test_a_request_keeps_the_number_that_it_came_with(anonymous: httpx.AsyncClient) -> None:
    for given in ("a", "2026.07_x-9", "z" * 64):
        for path in ("/health", "/auth/me", "/no/such/path", "/v1/models"):
            answer = await anonymous.get(path, headers={"X-Request-Id": given})
            assert answer.headers.get_list("x-request-id") == [given], path
            if answer.is_error:
                assert answer.json()["request_id"] == given


async def test_a_request_without_a_usable_number_gets_one(anonymous: httpx.AsyncClient) -> None:
    numbers: set[UUID] = set()
    for given in (None, "", "z" * 65, "two words", "a\tb", "naïve", "{}"):
        headers = [] if given is None else [(b"X-Request-Id", given.encode())]
        answer = await anonymous.get("/no/such/path", headers=headers)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        numbers.add(UUID(answer.headers["x-request-id"]))
    assert len(numbers) == 7
