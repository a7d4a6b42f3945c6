"""Where an answer goes: to a connection of ours, or to whatever server there is."""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any, Protocol, TypeAlias

from litestar.types import Receive

from inventiv_http.connections.calls import Call
from inventiv_http.kernel.answers import part

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
Send: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]
"""Sends ASGI messages: plain dictionaries here, for they are made by the thousand."""


class Line(Protocol):
    """Takes an answer. What has no room for a part says what to wait for, and sends it then."""

    def start(self, status: int, headers: Headers, *, more: bool = False) -> Awaitable[None] | None:
        """Begin the answer; with ``more``, together with what is pushed next, if that is better."""
        ...

    def push(self, body: bytes, *, is_last: bool = False) -> Awaitable[None] | None:
        """Send a part of it."""
        ...


def call_of(receive_or_send: Receive | Send) -> Call | None:
    """Return where messages come from, or go to, if that is a call of ours."""
    call = getattr(receive_or_send, "__self__", None)
    return call if isinstance(call, Call) else None


class AsgiLine(Line):
    """Any server's ``send``: it waits only while a buffer is too full, and mostly need not."""

    __slots__ = ("_send",)

    def __init__(self, send: Send) -> None:
        self._send = send

    def start(
        self,
        status: int,
        headers: Headers,
        *,
        more: bool = False,  # noqa: ARG002 - servers do what they do
    ) -> Awaitable[None] | None:
        """Begin the answer."""
        return _begun(
            self._send({"type": "http.response.start", "status": status, "headers": [*headers]})
        )

    def push(self, body: bytes, *, is_last: bool = False) -> Awaitable[None] | None:
        """Send a part of it."""
        return _begun(self._send(part(body, is_last=is_last)))


def _begun(sending: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    try:
        waits_for = sending.send(None)
    except StopIteration:
        return None
    return _Rest(sending, waits_for)


class _Rest:
    """What is left of a coroutine that has begun already, and waits for something."""

    def __init__(self, begun: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._begun = begun
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
        except BaseException:
            self._begun.close()
            raise
        yield from self._begun.__await__()
