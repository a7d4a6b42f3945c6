"""The client for programs that wait."""

from collections.abc import Generator, Iterator
from time import monotonic, sleep
from types import TracebackType
from typing import Self, TypeVar

import httpx
from httpx_sse import EventSource

from inventiv_http.client.calls import Call, Sender, Stream
from inventiv_http.client.connection import (
    Attempts,
    Patience,
    Reconnections,
    call_request,
    options,
    session_token,
    silence,
    stream_request,
)
from inventiv_http.client.errors import Refused
from inventiv_http.client.nouns import Nouns
from inventiv_http.client.reading import read_answer
from inventiv_http.client.refusals import refusal

T = TypeVar("T")


class Inventiv(Nouns, Sender):
    """One server and one caller, inside ``with``.

    Every call raises `Refused` when the server says no, `Unreachable` when it says nothing, and
    `NotUnderstood` when it says something else; each has a deadline. Close what yields when you
    leave it early, such as with `contextlib.closing`.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Know a server by its address, and be known to it by an API key or a session's token."""
        self.url = url
        self.token = token
        """What the caller is known by: another one after each login and change of the workspace."""
        self._patience = patience or Patience()
        self._client = httpx.Client(**options(url, token), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def send(self, call: Call[T]) -> T:
        """Ask the server, and return what it answers."""
        within_s = self._patience.for_call(call)
        request = call_request(self._client, call, within_s=within_s)
        attempts = Attempts(call, self.url, self._patience)
        while True:
            try:
                response = self._answer(request, within_s=within_s)
            except (httpx.RequestError, TimeoutError) as error:
                sleep(attempts.pause_after(error))
                continue
            if not response.is_success:
                raise refusal(response)
            if token := session_token(call, response):
                self.token = token
                self._client.headers["Authorization"] = f"Bearer {token}"
            return read_answer(call.answer, response.text)

    def follow(self, stream: Stream[T]) -> Generator[T]:
        """Ask the server, and yield what it says, as it comes."""
        connections = Reconnections(stream, self.url, self._patience)
        until_s = monotonic() + (stream.within_s or float("inf"))
        last_id = ""
        while True:
            lost: Exception | None = None
            request = stream_request(self._client, stream, last_id=last_id)
            try:
                response = self._client.send(request, stream=True)
                try:
                    if not response.is_success:
                        response.read()
                        raise refusal(response)
                    for said in EventSource(response).iter_sse():
                        if monotonic() > until_s:
                            raise silence(TimeoutError(), self.url, stream.name)
                        last_id = said.id or last_id
                        piece = stream.read(said.event, said.data)
                        if piece is None:
                            return
                        connections.heard(piece)
                        yield piece
                finally:
                    response.close()
            except (httpx.RequestError, Refused) as error:
                lost = error
            sleep(connections.pause_after(lost))

    def _answer(self, request: httpx.Request, *, within_s: float) -> httpx.Response:
        """Send it, and read the whole answer; each silence, and all of it, has the same limit."""
        until_s = monotonic() + within_s
        response = self._client.send(request, stream=True)
        if not isinstance(response.stream, httpx.SyncByteStream):  # pragma: no cover - by contract
            raise TypeError
        response.stream = _Limited(response.stream, until_s=until_s)
        try:
            response.read()
        finally:
            response.close()
        return response


class _Limited(httpx.SyncByteStream):
    """An answer that must have come by a certain time."""

    def __init__(self, stream: httpx.SyncByteStream, *, until_s: float) -> None:
        self._stream = stream
        self._until_s = until_s

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            if monotonic() > self._until_s:
                raise TimeoutError
            yield piece

    def close(self) -> None:
        self._stream.close()
