"""Calls to engines over one pooled client: no cookies, no redirects, no decompression."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp

from inventiv_adapters.inference.deadlines import Deadlines, Watch
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.ports import EngineCall, EngineNotReached, EngineReply, Engines

_KEEP_ALIVE_S = 4.0
"""Less than engines keep idle connections: uvicorn, which most of them use, closes after 5."""
_READ_BYTES = 64 * 1024
"""What is read ahead of a caller who takes it slowly."""


class AiohttpReply(EngineReply):
    """An answer on its way."""

    def __init__(
        self, response: aiohttp.ClientResponse, deadlines: Deadlines, began: float
    ) -> None:
        self._response = response
        self._watch = Watch(deadlines, began, expire=response.close)

    @property
    def status_code(self) -> int:
        return self._response.status

    @property
    def content_type(self) -> str:
        return self._response.headers.get("Content-Type", "application/json")

    @property
    def retry_after(self) -> str | None:
        return self._response.headers.get("Retry-After")

    async def chunks(self) -> AsyncIterator[bytes]:
        content, watch = self._response.content, self._watch
        try:
            while True:
                watch.wait()
                chunk = await content.readany()
                watch.rest()  # a slow caller is none of the engine's fault
                if not chunk:
                    break
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineNotReached(watch.reason or str(error)) from error
        if watch.reason is not None:
            raise EngineNotReached(watch.reason)

    def close(self) -> None:
        self._watch.stop()
        if not self._response.content.at_eof():
            self._response.close()  # hangs up: the engine notices and stops
        self._response.release()


class AiohttpEngines(Engines):
    """One session for all engines, opened when the application starts."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Be ready to call."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},  # what comes is relayed, and read, as it is
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._deadlines.connect_s),
            read_bufsize=_READ_BYTES,
            skip_auto_headers=("User-Agent",),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, route: Route, call: EngineCall) -> EngineReply:
        if self._session is None:
            message = "the client is not open"
            raise EngineNotReached(message)
        began = asyncio.get_running_loop().time()
        url, headers = route.base_url + call.path, _headers(call)
        try:
            async with asyncio.timeout(self._deadlines.first_byte_s):
                try:
                    response = await self._post(self._session, url, call.body, headers)
                except aiohttp.ServerDisconnectedError:
                    # an idle connection, closed by the engine just as it was used again
                    response = await self._post(self._session, url, call.body, headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineNotReached(str(error)) from error
        return AiohttpReply(response, self._deadlines, began)

    async def _post(
        self, session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        return await session.post(url, data=BytesIO(body), headers=headers, allow_redirects=False)


def _headers(call: EngineCall) -> dict[str, str]:
    """Return all that an engine learns beside the body: nothing by which it knows the caller."""
    headers = {
        "Content-Type": "application/json",
        "Accept": call.accept,
        "X-Request-ID": call.request_id,
    }
    if call.session is not None:
        headers["X-Inventiv-Session"] = call.session
    return headers
