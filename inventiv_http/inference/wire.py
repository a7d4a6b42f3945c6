"""The bytes of the OpenAI protocol: read no more than needed, re-encode nothing that passes."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.inference.entities.usage import TokenCounts

_TAIL_BYTES: Final = 256 * 1024
"""The most of an unfinished event, or of a plain answer, that is kept to look for usage."""

_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_END: Final = re.compile(b"|".join(_ENDS))
_VALUE: Final = re.compile(rb"\s*:\s*")


class StreamOptions(msgspec.Struct):
    """What the caller wants of a stream."""

    include_usage: bool | None = None


class Head(msgspec.Struct):
    """The fields of a request that matter on the way. What is said in it stays unread."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | UnsetType | None = UNSET
    messages: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
    max_tokens: Any = None
    """How long the answer may be, as the engines of this path call it; they judge the value."""
    max_completion_tokens: Any = None
    max_output_tokens: Any = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    """Of completions and embeddings; and, with other words, of responses."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None


class _Response(msgspec.Struct):
    usage: _Usage | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None
    response: _Response | None = None
    """The events of a response have it one level deeper."""
    choices: list[msgspec.Raw] | UnsetType = UNSET


_heads = msgspec.json.Decoder(Head)
_answers = msgspec.json.Decoder(_Answer)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists = msgspec.json.Decoder(list[msgspec.Raw])

_NO_CHOICE: Final = (None, None, None)
_INCLUDE: Final = b'"include_usage":true'


def head(body: bytes) -> Head:
    """Return what a request asks for, or raise `msgspec.MsgspecError`."""
    try:
        if not body.isascii():
            body.decode()  # what stays unread is text, too: no engine has to judge it
        return _heads.decode(body)
    except RecursionError:
        sentence = "lists and objects are too many times inside each other"
        raise msgspec.DecodeError(sentence) from None
    except UnicodeDecodeError:
        sentence = "the body is not UTF-8"
        raise msgspec.DecodeError(sentence) from None


def most_output_tokens(asked: Head) -> int:
    """Return how many tokens the answer may have; 0 if the request does not say so."""
    choices = asked.max_completion_tokens, asked.max_output_tokens, asked.max_tokens
    if choices == _NO_CHOICE:  # mostly
        return 0
    for most in choices:
        if isinstance(most, int) and most > 0:
            return most
    return 0


def beginning(asked: Head, *, size_bytes: int) -> bytes:
    """Return how the prompt begins: what a conversation keeps while it grows.

    Of a chat, that is the first two messages: mostly the system's, and the first question.
    """
    if not asked.messages:
        return bytes(asked.prompt)[:size_bytes]
    try:
        first = _lists.decode(asked.messages)[:2]
    except msgspec.MsgspecError:
        return b""
    return b",".join(map(bytes, first))[:size_bytes]


def rewritten(body: bytes, *, model_id: str, asked: Head, adds_usage: bool = True) -> bytes:
    """Return the body with the engine's name of the model, and with usage asked for.

    All other fields keep their bytes. A body that needs no change is returned as it is.
    """
    if asked.model != model_id:
        body = _renamed(body, asked.model, model_id)
    if adds_usage and asked.stream and not wants_usage(asked):
        body = _with_usage(body, asked)
    return body


def _renamed(body: bytes, old: str | None, new: str) -> bytes:
    """Splice the new name in, where it is plain which bytes are the old one."""
    key = body.find(b'"model"')
    value = _VALUE.match(body, key + len(b'"model"'))
    old_bytes = msgspec.json.encode(old)
    is_plain = value is not None and body.startswith(old_bytes, value.end())
    if value is not None and is_plain and body.rfind(b'"model"') == key:
        return body[: value.end()] + msgspec.json.encode(new) + body[value.end() + len(old_bytes) :]
    fields: dict[str, Any] = dict(_fields.decode(body))
    return msgspec.json.encode(fields | {"model": new})


def _with_usage(body: bytes, asked: Head) -> bytes:
    if isinstance(asked.stream_options, UnsetType):
        start = body.index(b"{") + 1  # there is a field: the model
        return body[:start] + b'"stream_options":{' + _INCLUDE + b"}," + body[start:]
    fields: dict[str, Any] = dict(_fields.decode(body))
    options: dict[str, Any] = (
        dict(_fields.decode(fields["stream_options"])) if (asked.stream_options is not None) else {}
    )
    fields["stream_options"] = options | {"include_usage": True}
    return msgspec.json.encode(fields)


def wants_usage(asked: Head) -> bool:
    """Tell whether the caller wants the usage at the end of a stream."""
    options = asked.stream_options
    return isinstance(options, StreamOptions) and options.include_usage is True


def token_counts(answer: bytes) -> TokenCounts | None:
    """Return what an answer, or one event of it, says was used."""
    return _read(answer)[0]


def _read(answer: bytes) -> tuple[TokenCounts | None, bool]:
    """Return what an answer says was used, and whether it says nothing else."""
    try:
        said = _answers.decode(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, False
    usage = said.usage if said.response is None else said.response.usage
    if usage is None:
        return None, False
    used = usage.prompt_tokens if usage.input_tokens is None else usage.input_tokens
    made = usage.completion_tokens if usage.output_tokens is None else usage.output_tokens
    if (used, usage.total_tokens) == (None, None):
        return None, False
    total = usage.total_tokens if usage.total_tokens is not None else (used or 0) + (made or 0)
    details = usage.prompt_tokens_details or usage.input_tokens_details
    counts = TokenCounts(
        input_tokens=used or 0,
        output_tokens=made or 0,
        total_tokens=total,
        cached_tokens=None if details is None else details.cached_tokens,
    )
    return counts, said.choices == []


class PlainRelay:
    """A plain answer on its way: every chunk passes, the usage is read at the end."""

    events = 0

    def __init__(self) -> None:
        self._seen: list[bytes] = []
        self._seen_bytes = 0
        self.size_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return what is to be sent now."""
        self.size_bytes += len(chunk)
        if self._seen_bytes + len(chunk) <= _TAIL_BYTES:
            self._seen_bytes += len(chunk)
            self._seen.append(chunk)
        return chunk

    def rest(self) -> bytes:
        """Return what is left to send."""
        return b""

    @property
    def used(self) -> TokenCounts | None:
        """What the answer says was used."""
        return token_counts(b"".join(self._seen))


class EventRelay:
    """A stream of server-sent events on its way (the WHATWG's HTML standard, section 9.2).

    Complete events pass at once. The event that says what was used is read, and left
    out if the caller did not ask for it.
    """

    def __init__(self, *, hide_usage: bool) -> None:
        self._hide_usage = hide_usage
        self._unfinished = b""
        self.used: TokenCounts | None = None
        self.events = 0
        """How many with something in them have passed."""
        self.size_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return what is to be sent now."""
        self.size_bytes += len(chunk)
        data = self._unfinished + chunk if self._unfinished else chunk
        end = max(data.rfind(end) + len(end) if end in data else 0 for end in _ENDS)
        complete, self._unfinished = data[:end], data[end:]
        if len(self._unfinished) > _TAIL_BYTES:
            complete, self._unfinished = data, b""
        self.events += complete.count(b"data: {") or complete.count(b"data:{")
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
        used, is_alone = _read(payload)
        if used is None:
            return False
        self.used = used
        return self._hide_usage and is_alone


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
