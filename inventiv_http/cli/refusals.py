"""A refusal of the server, as a sentence and what to do about it."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, cast

import httpx

from inventiv_http.cli.errors import Refused

LONGEST_SENTENCE = 500
ADVICE = {
    400: "Correct the request; `--help` says what the command takes.",
    403: "Ask an owner of the organization for this right, or sign in as someone else.",
    404: "Check the name, and that you are signed in to the right server.",
    429: "Wait a moment and try again.",
}
ADVICE_BY_CODE = {
    "invalid_credentials": "Check the username and the password.",
    "no_ready_worker": "Deploy the model first, or wait until its instance is ready.",
}


def refusal(response: httpx.Response) -> Refused:
    """Turn an answer that is not a success into an error for people."""
    body = _body(response)
    codes = list(_codes(body))
    sentence = next(_sentences(body), "") or _plain(response)
    if problem := next(_texts(body, "problem"), ""):
        place = next(_texts(body, "place", "field"), "")
        sentence = f"{sentence} {place}: {problem}" if place else f"{sentence} {problem}"
    request_id = next(_texts(body, "request_id"), "")
    return Refused(
        sentence=sentence if sentence.endswith(".") else f"{sentence}.",
        advice=_advice(response, codes) + (f" (request {request_id})" if request_id else ""),
        status=response.status_code,
        codes=frozenset(codes),
    )


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body: object = json.loads(response.text)
    except ValueError:  # some answers are plain text
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _sentences(body: dict[str, Any]) -> Iterator[str]:
    """Yield what the body says, the most telling first."""
    error = body.get("error")
    if isinstance(error, dict):  # as OpenAI writes it
        yield from _texts(cast("dict[str, Any]", error), "message")
    yield from _texts(body, "detail", "message", "error")


def _codes(body: dict[str, Any]) -> Iterator[str]:
    """Yield the codes the body gives; which key has the most specific one varies."""
    error = body.get("error")
    if isinstance(error, dict):
        yield from _texts(cast("dict[str, Any]", error), "code", "type")
    yield from _texts(body, "error", "message")


def _texts(body: dict[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        said = body.get(key)
        if isinstance(said, str) and said.strip():
            yield said.strip()


def _plain(response: httpx.Response) -> str:
    text = response.text.strip()
    if text and "html" not in response.headers.get("content-type", ""):
        return text[:LONGEST_SENTENCE]
    return f"The server answered {response.status_code} {response.reason_phrase}".strip()


def _advice(response: httpx.Response, codes: list[str]) -> str:
    for code in codes:
        if code in ADVICE_BY_CODE:
            return ADVICE_BY_CODE[code]
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        return "Run `inventiv login`."
    if response.is_server_error:
        return "Try again in a moment; the server's log tells more."
    return ADVICE.get(response.status_code, "")
