"""The one place where domain errors meet HTTP."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from inventiv_core.kernel.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    RuleBroken,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unpaid,
    Upstream,
)
from inventiv_http.kernel.request_ids import request_id

Json = dict[str, Any]

STATUS: Final[Mapping[type[DomainError], int]] = {
    Invalid: 400,
    Unauthenticated: 401,
    Unpaid: 402,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    RuleBroken: 422,
    TooMany: 429,
    Upstream: 502,
    Unavailable: 503,
    DomainError: 500,
}

_WORDS: Final[Mapping[int, str]] = {
    400: "invalid_request",
    401: "unauthorized",
    402: "payment_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "rate_limited",
}

_OPENAI_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}

_OUR_FAULT: Final = 500

_OPENAI_PATHS: Final = "/v1/"


def status_of(error: DomainError) -> int:
    """Return the status of an error: that of its kind."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def domain_error(request: Request[Any, Any, Any], error: DomainError) -> Response[Json]:
    """Answer with what is wrong, and the facts to mend it."""
    return answer(
        request,
        status_of(error),
        kind=error.kind,
        code=error.code,
        detail=str(error),
        facts=error.facts,
        headers=_headers(error),
    )


def _headers(error: DomainError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooMany) else {}


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Json]:
    """Answer to a request that never reached a use case."""
    facts: Json = {}
    status = error.status_code
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        facts = {"problems": error.extra}
        if any(problem.get("source") == "body" for problem in error.extra):
            status = 422
    word = _WORDS.get(status, "http_error")
    return answer(
        request, status, kind=word, code=word, detail=error.detail, facts=facts,
        headers=error.headers,
    )  # fmt: skip


def outage(request: Request[Any, Any, Any], error: Exception) -> Response[Json]:
    """Answer while the database is out of reach. Its own words stay in the log."""
    structlog.get_logger(__name__).error("database_unavailable", error=str(error))
    return answer(
        request,
        503,
        kind="unavailable",
        code="database_unavailable",
        detail="The database is not answering. Try again in a moment.",
        headers={"Retry-After": "2"},
    )


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Json]:
    """Answer to our own mistake: the log has it, the caller gets the number to look it up by."""
    structlog.get_logger(__name__).error("unexpected_error", path=request.url.path, exc_info=error)
    return answer(
        request,
        500,
        kind="internal_error",
        code="internal_error",
        detail="Something went wrong on our side. Quote the request id when you report it.",
    )


def answer_by(handlers: Mapping[Any, Any]) -> Callable[..., Response[Json]]:
    """Return what answers to any error with the handler of its nearest kind, as routes do."""

    def respond(request: Request[Any, Any, Any], error: Exception) -> Response[Json]:
        handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
        response: Response[Json] = handler(request, error)
        return response

    return respond


def answer(
    request: Request[Any, Any, Any],
    status: int,
    *,
    kind: str,
    code: str,
    detail: str,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    openai_type: str | None = None,
) -> Response[Json]:
    """Return an error in the shape that the path's clients understand."""
    if request.url.path.startswith(_OPENAI_PATHS):
        body = openai_body(status, code, detail, openai_type)
    else:
        body = {"error": kind, "message": code, "detail": detail, **(facts or {})}
    body["request_id"] = request_id(request.scope)
    return Response(
        body, status_code=status, media_type="application/json", headers=dict(headers or {})
    )


def openai_body(status: int, code: str, sentence: str, kind: str | None = None) -> Json:
    """Return an error as OpenAI's clients expect it; ``message`` is for those who do not.

    Its type follows from the status, unless ``kind`` names one.
    """
    others = "invalid_request_error" if status < _OUR_FAULT else "api_error"
    kind = kind or _OPENAI_TYPES.get(status, others)
    error = {"message": sentence, "type": kind, "param": None, "code": code}
    return {"error": error, "message": sentence}
