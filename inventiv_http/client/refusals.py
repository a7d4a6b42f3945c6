"""A refusal of the server, as a sentence, codes, and what its log calls it."""

import json
from collections.abc import Iterator
from typing import Any, Final, cast

import httpx

from inventiv_http.client.errors import Refused

LONGEST_SENTENCE: Final = 500


def refusal(response: httpx.Response) -> Refused:
    """Turn an answer that is not a success into an error."""
    body = _body(response)
    sentence = next(_sentences(body), "") or _plain(response)
    if problem := next(_texts(body, "problem"), ""):
        place = next(_texts(body, "place", "field"), "")
        sentence = f"{sentence} {place}: {problem}" if place else f"{sentence} {problem}"
    return Refused(
        sentence=sentence if sentence.endswith(".") else f"{sentence}.",
        status=response.status_code,
        codes=frozenset(_codes(body)),
        request_id=next(_texts(body, "request_id"), ""),
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
