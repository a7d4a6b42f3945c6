"""Whatever is asked, the answer is one that the document of the API knows."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Unsatisfiable
from litestar import Litestar
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from inventiv_http.container import MemoryAdapters
from tests.http.access import test_tenancy
from tests.http.access.calls import Answer, call
from tests.http.access.conftest import Credentials
from tests.http.access.test_tenancy import Estate
from tests.http.test_routes import DOCUMENT

estate = test_tenancy.estate
"""Everything that an organization may have."""

TIMES: Final = int(os.environ.get("TEST_DOCUMENT", "2"))
"""How often each operation is called in each way, by each caller."""

CALLERS: Final = {"owner": 50, "root": 50, "anonymous": 5}
"""Who calls, and how many operations must have let them do something: else little is tried."""

WAYS: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

Send = Callable[[requests.PreparedRequest], Answer]


def described() -> Any:
    """Return the API as its document describes it."""
    document = json.loads(DOCUMENT.read_text())
    document["info"]["version"] = "any"
    return schemathesis.openapi.from_dict(document)


def operations() -> Iterator[Any]:
    """Yield every operation that the document knows."""
    for found in described().get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


@pytest.mark.parametrize(("caller", "succeeds"), CALLERS.items())
async def test_every_answer_is_one_that_the_document_knows(
    app: Litestar,
    memory: MemoryAdapters,
    estate: Estate,
    credentials: Credentials,
    caller: str,
    succeeds: int,
) -> None:
    loop = asyncio.get_running_loop()
    start = memory.database().draft()
    headers = credentials.get(caller, {})

    def send(request: requests.PreparedRequest) -> Answer:
        memory.database().accept(start.draft())  # nobody has left, switched or signed out
        return asyncio.run_coroutine_threadsafe(asked(app, request, dict(headers)), loop).result(
            timeout=10
        )

    wrong, done = await asyncio.to_thread(all_wrong, estate, send)
    assert not wrong, "\n\n".join(wrong)
    assert len(done) > succeeds


async def asked(
    app: Litestar, request: requests.PreparedRequest, headers: dict[str, str]
) -> Answer:
    """Return the answer to a request as it would have come by wire."""
    target = urlsplit(str(request.url))
    sent = {name.lower(): str(value) for name, value in request.headers.items()} | headers
    sent.pop("content-length", None)
    body: Any = request.body or b""
    return await call(
        app,
        str(request.method),
        target.path,
        query=target.query,
        headers=sent,
        body=body if isinstance(body, bytes) else body.encode(),
    )


def all_wrong(estate: Estate, send: Send) -> tuple[list[str], set[str]]:
    """Return what is wrong, and which operations have done what they are for."""
    wrong: list[str] = []
    done: set[str] = set()

    def sent(operation: Any, request: requests.PreparedRequest) -> Answer:
        answer = send(request)
        if answer.status < 300:
            done.add(operation.label)
        return answer

    for operation in operations():
        for way in WAYS if takes_anything(operation) else WAYS[:1]:
            try:
                examine(operation, way, estate, partial(sent, operation))
            except FailureGroup as failures:
                wrong += [f"{operation.label} ({way}): {told}" for told in failures.exceptions]
            except (Unsatisfiable, FailedHealthCheck):
                if way is GenerationMode.POSITIVE:
                    raise
    return wrong, done


def takes_anything(operation: Any) -> bool:
    """Tell whether there is anything that could be asked wrongly."""
    return bool(operation.body or list(operation.iter_parameters()))


def examine(operation: Any, way: GenerationMode, estate: Estate, send: Send) -> None:
    """Call an operation in many ways, each with ids that exist, or not."""

    @settings(max_examples=TIMES, database=None, phases=[Phase.generate])
    @given(case=operation.as_strategy(generation_mode=way), exists=st.booleans())
    def each(case: Any, exists: bool) -> None:  # noqa: FBT001 - drawn
        if exists:
            case.path_parameters = with_ids(case.path_parameters, estate)
            case.query = with_ids(case.query, estate)
            case.body = with_ids(case.body, estate)
        request = prepared(case)
        answer = send(request)
        case.validate_response(answered(answer, request), checks=CHECKS)

    each()


def prepared(case: Any) -> requests.PreparedRequest:
    """Return a case as it would go by wire."""
    return requests.Request(**case.as_transport_kwargs(base_url="http://inventiv.test")).prepare()


def with_ids(fields: Any, estate: Estate) -> Any:
    """Return fields of a request, with ids of what is there, wherever one is asked for."""
    if not isinstance(fields, dict):
        return fields
    return {
        name: str(estate.ids[name]) if name in estate.ids else value
        for name, value in fields.items()
    }


def answered(answer: Answer, request: requests.PreparedRequest) -> Response:
    """Return an answer as who checks it knows it."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name, []).append(value)
    return Response(
        status_code=answer.status,
        headers=headers,
        content=answer.text.encode(),
        request=request,
        elapsed=0.0,
        verify=False,
    )
