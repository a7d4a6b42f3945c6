"""Answers in the words of ASGI, for what answers without the framework."""

from collections.abc import Iterable
from typing import Any


def part(body: bytes, *, is_last: bool = False) -> dict[str, object]:
    """Return what is sent for a piece of an answer."""
    return {"type": "http.response.body", "body": body, "more_body": not is_last}


async def reply(
    send: Any, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes = b""
) -> None:
    """Send an answer whole, with its length, unless its status allows none."""
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]  # noqa: PLR2004
    start = {"type": "http.response.start", "status": status, "headers": [*headers, *length]}
    await send(start)
    await send(part(body, is_last=True))
