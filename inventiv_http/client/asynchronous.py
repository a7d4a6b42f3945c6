"""The client for programs that await."""

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

import httpx
from httpx_sse import EventSource

from inventiv_http.client.calls import AsyncSender, Call, Stream
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


class AsyncInventiv(Nouns, AsyncSender):
    """One server and one caller, inside ``async with``.

    Every call raises `Refused` when the server says no, `Unreachable` when it says nothing, and
    `NotUnderstood` when it says something else; each has a deadline. Close what yields when you
    leave it early, such as with `contextlib.aclosing`.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Know a server by its address, and be known to it by an API key or a session's token."""
        self.url = url
        self.token = token
        """What the caller is known by: another one after each login and change of the workspace."""
        self._patience = patience or Patience()
        self._client = httpx.AsyncClient(**options(url, token), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    async def send(self, call: Call[T]) -> T:
        """Ask the server, and return what it answers."""
        within_s = self._patience.for_call(call)
        request = call_request(self._client, call, within_s=within_s)
        attempts = Attempts(call, self.url, self._patience)
        while True:
            try:
                async with asyncio.timeout(within_s):
                    response = await self._client.send(request)
            except (httpx.RequestError, TimeoutError) as error:
                await asyncio.sleep(attempts.pause_after(error))
                continue
            if not response.is_success:
                raise refusal(response)
            if token := session_token(call, response):
                self.token = token
                self._client.headers["Authorization"] = f"Bearer {token}"
            return read_answer(call.answer, response.text)

    async def follow(self, stream: Stream[T]) -> AsyncGenerator[T]:
        """Ask the server, and yield what it says, as it comes."""
        connections = Reconnections(stream, self.url, self._patience)
        until_s = monotonic() + (stream.within_s or float("inf"))
        last_id = ""
        while True:
            lost: Exception | None = None
            request = stream_request(self._client, stream, last_id=last_id)
            try:
                response = await self._client.send(request, stream=True)
                try:
                    if not response.is_success:
                        await response.aread()
                        raise refusal(response)
                    async for said in EventSource(response).aiter_sse():
                        if monotonic() > until_s:
                            raise silence(TimeoutError(), self.url, stream.name)
                        last_id = said.id or last_id
                        piece = stream.read(said.event, said.data)
                        if piece is None:
                            return
                        connections.heard(piece)
                        yield piece
                finally:
                    await response.aclose()
            except (httpx.RequestError, Refused) as error:
                lost = error
            await asyncio.sleep(connections.pause_after(lost))
