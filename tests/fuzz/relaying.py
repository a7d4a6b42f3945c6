"""What passes through the gateway: answers of engines, and bodies of callers."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from inventiv_core.inference.entities.usage import TokenCounts
from inventiv_http.inference import wire

NAME = "the/engine's own"


def pieces_of(data: bytes) -> Sequence[bytes]:
    """Return what comes after the first byte, in pieces as long as that says."""
    size, rest = (data[0] if data else 0) + 1, data[1:]
    return [rest[start : start + size] for start in range(0, len(rest), size)]


def relayed(pieces: Iterable[bytes], *, hide_usage: bool) -> tuple[bytes, TokenCounts | None]:
    """Return what passes of a stream, and what it says was used."""
    relay = wire.EventRelay(hide_usage=hide_usage)
    passed = b"".join([*map(relay.feed, pieces), relay.rest()])
    return passed, relay.used


def event_stream(data: bytes) -> None:
    """Nothing of a stream is lost or changed; what is hidden does not hang on how it is cut.

    That is, where lines end as engines end them: who mixes the three ways there are may have it
    one way or the other, and is passed on all the same.
    """
    pieces = pieces_of(data)
    whole = b"".join(pieces)
    passed, used = relayed(pieces, hide_usage=False)
    assert passed == whole
    assert (passed, used) == relayed([whole], hide_usage=False)
    if b"\r" not in whole:
        assert relayed(pieces, hide_usage=True) == relayed([whole], hide_usage=True)


def plain_answer(data: bytes) -> None:
    """A plain answer passes, and is understood or not; in pieces as in one."""
    pieces = pieces_of(data)
    relay = wire.PlainRelay()
    assert [relay.feed(piece) for piece in pieces] == pieces
    assert relay.used == wire.token_counts(b"".join(pieces))


def request_body(data: bytes) -> None:
    """A body is refused, or says the same to the engine, by the engine's own name of the model."""
    try:
        asked = wire.head(data)
    except msgspec.MsgspecError:
        return
    wire.most_output_tokens(asked)
    assert len(wire.beginning(asked, size_bytes=64)) <= 64
    if asked.model is None:
        return
    said = read(data)
    body = wire.rewritten(data, model_id=NAME, asked=asked)
    wanted = said | {"model": NAME}
    if asked.stream:
        wanted["stream_options"] = (said.get("stream_options") or {}) | {"include_usage": True}
    assert read(body) == wanted


def read(body: bytes) -> Any:
    """Return what a body says. Numbers are kept as they are written."""
    return json.loads(body.decode("utf-8", "surrogateescape"), parse_float=str, parse_int=str)
