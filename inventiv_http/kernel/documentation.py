"""What the document of the API says of errors: which there are where, and their shape."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute

from inventiv_core.identity.access import HOLDERS, Holder
from inventiv_http.kernel.auth import has_rule, permission_of

OPENAI_PATHS: Final = "/v1/"

_DESCRIPTIONS: Final = {
    400: "The request is not well formed.",
    401: "The caller is not known.",
    402: "This has to be paid for.",
    403: "The caller may not do this.",
    404: "There is no such thing, or it is not the caller's to see.",
    409: "The request disagrees with what is there.",
    413: "The body is too large.",
    415: "The body does not call itself JSON.",
    422: "The request is understood, and cannot be carried out as it is.",
    429: "Too many requests: Retry-After says when.",
    502: "Somebody who is asked for this has failed.",
    503: "Something is out of reach: the same request may succeed later.",
}
_ALTERS: Final = frozenset({"DELETE", "PATCH", "POST", "PUT"})


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong; beside it, the facts to mend it."""

    error: str
    """The kind."""
    message: str
    """The code, for programs."""
    detail: str
    """A sentence, for people."""
    request_id: str


class OpenAiError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAiErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, for OpenAI's clients."""

    error: OpenAiError
    message: str
    request_id: str


class DocumentedErrors(ReceiveRoutePlugin):
    """Tells of each route which errors it may answer with.

    It follows from what the route is: who may call it, what it takes, whether it alters
    anything. What a route says itself comes first.
    """

    def receive_route(self, route: BaseRoute) -> None:
        """Add the errors."""
        if isinstance(route, HTTPRoute):
            shape = OpenAiErrorBody if route.path.startswith(OPENAI_PATHS) else ErrorBody
            for handler in route.route_handlers:
                if has_rule(handler):
                    errors = documented(*_statuses(route, handler), shape=shape)
                    handler.responses = errors | dict(handler.responses or {})


def documented(*statuses: int, shape: Any = ErrorBody) -> dict[int, ResponseSpec]:
    """Return what the document says of answers with these statuses."""
    return {status: _specified(status, shape) for status in statuses}


@cache
def _specified(status: int, shape: Any) -> ResponseSpec:
    """Return what is the same for all routes: they are many."""
    return ResponseSpec(
        data_container=shape, description=_DESCRIPTIONS[status], generate_examples=False
    )


def coming_as(media_types: Mapping[int, Sequence[str]]) -> type[Operation]:
    """Return the description of a route that answers, with some status, in several media types."""

    @dataclass
    class Several(Operation):
        def __post_init__(self) -> None:
            for status, names in media_types.items():
                answer = cast("OpenAPIResponse", (self.responses or {})[str(status)])
                known = answer.content or {}
                answer.content = {name: known.get(name) or _any(name) for name in names}

    return Several


def _any(media_type: str) -> OpenAPIMediaType:
    is_json = media_type == "application/json"
    return OpenAPIMediaType(schema=Schema() if is_json else Schema(type=OpenAPIType.STRING))


def _statuses(route: HTTPRoute, handler: HTTPRouteHandler) -> Iterator[int]:
    names = handler.parsed_fn_signature.parameters
    alters = bool(handler.http_methods & _ALTERS)
    has_body = "data" in names
    permission = permission_of(handler)
    if permission is not None or alters:
        yield from (400, 401, 403)
    if route.path_parameters or has_body:
        yield 404
    if alters:
        yield from (409, 422)
    if has_body:
        yield from (413, 415)
    if permission is None or Holder.KEY in HOLDERS[permission]:
        yield 429
    yield 503
