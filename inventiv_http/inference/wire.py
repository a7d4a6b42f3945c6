"""The bytes of the OpenAI protocol: read no more than needed, re-encode nothing that passes."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from inventiv_core.inference.entities import TokenCounts

_TAIL_BYTES: Final = 256 * 1024
"""The most of an unfinished event, or of a plain answer, that is kept to look for usage."""

_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_END: Final = re.compile(b"|".join(_ENDS))


class StreamOptions(msgspec.Struct):
    """What the caller wants of a stream."""

    include_usage: bool | None = None


class Head(msgspec.Struct):
    """The fields of a request that matter on the way."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None
    choices: list[msgspec.Raw] = []


_heads = msgspec.json.Decoder(Head)
_answers = msgspec.json.Decoder(_Answer)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WITH_USAGE = msgspec.Raw(b'{"include_usage":true}')


def head(body: bytes) -> Head:
    """Return what a request asks for, or raise `msgspec.MsgspecError`."""
    try:
        return _heads.decode(body)
    except RecursionError:
        sentence = "lists and objects are too many times inside each other"
        raise msgspec.DecodeError(sentence) from None


def rewritten(body: bytes, *, model_id: str, asked: Head) -> bytes:
    """Return the body with the engine's name of the model, and with usage asked for.

    All other fields keep their bytes. A body that needs no change is returned as it is.
    """
    add_usage = bool(asked.stream) and not wants_usage(asked)
    if asked.model == model_id and not add_usage:
        return body
    fields: dict[str, Any] = dict(_fields.decode(body))
    fields["model"] = model_id
    if add_usage:
        fields["stream_options"] = _WITH_USAGE
    return msgspec.json.encode(fields)


def wants_usage(asked: Head) -> bool:
    """Tell whether the caller wants the usage at the end of a stream."""
    return asked.stream_options is not None and asked.stream_options.include_usage is True


def token_counts(answer: bytes) -> TokenCounts | None:
    """Return what an answer, or one event of it, says was used."""
    try:
        usage = _answers.decode(answer).usage
    except msgspec.MsgspecError:
        return None
    if usage is None or (usage.prompt_tokens, usage.total_tokens) == (None, None):
        return None
    used, made = usage.prompt_tokens or 0, usage.completion_tokens or 0
    total = usage.total_tokens if usage.total_tokens is not None else used + made
    return TokenCounts(input_tokens=used, output_tokens=made, total_tokens=total)


class PlainRelay:
    """A plain answer on its way: every chunk passes, the usage is read at the end."""

    def __init__(self) -> None:
        self._seen = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Return what is to be sent now."""
        if len(self._seen) + len(chunk) <= _TAIL_BYTES:
            self._seen += chunk
        return chunk

    def rest(self) -> bytes:
        """Return what is left to send."""
        return b""

    @property
    def used(self) -> TokenCounts | None:
        """What the answer says was used."""
        return token_counts(bytes(self._seen))


class EventRelay:
    """A stream of server-sent events on its way (the WHATWG's HTML standard, section 9.2).

    Complete events pass at once. The event that says what was used is read, and left
    out if the caller did not ask for it.
    """

    def __init__(self, *, hide_usage: bool) -> None:
        self._hide_usage = hide_usage
        self._unfinished = b""
        self.used: TokenCounts | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Return what is to be sent now."""
        data = self._unfinished + chunk if self._unfinished else chunk
        end = max(data.rfind(end) + len(end) if end in data else 0 for end in _ENDS)
        complete, self._unfinished = data[:end], data[end:]
        if len(self._unfinished) > _TAIL_BYTES:
            complete, self._unfinished = data, b""
        if b'"usage"' not in complete:
            return complete
        return b"".join(self._passing(complete))

    def rest(self) -> bytes:
        """Return what is left to send."""
        rest, self._unfinished = self._unfinished, b""
        return rest

    def _passing(self, complete: bytes) -> Iterator[bytes]:
        for event in _events(complete):
            if b'"usage"' not in event or not self._is_usage_alone(event):
                yield event

    def _is_usage_alone(self, event: bytes) -> bool:
        """Read an event that may say what was used; tell whether it is to be left out."""
        payload = b"\n".join(
            line.removeprefix(b"data:") for line in event.splitlines() if line.startswith(b"data:")
        )
        used = token_counts(payload)
        if used is None:
            return False
        self.used = used
        return self._hide_usage and not _answers.decode(payload).choices


def _events(complete: bytes) -> Iterator[bytes]:
    """Split whole events apart, each with the blank line that ends it."""
    start = 0
    for end in _END.finditer(complete):
        yield complete[start : end.end()]
        start = end.end()
    if start < len(complete):
        yield complete[start:]


def error_event(body: dict[str, Any]) -> bytes:
    """Return the end of a stream that broke: what happened, and that nothing more will come."""
    return b"data: " + msgspec.json.encode(body) + b"\n\ndata: [DONE]\n\n"
