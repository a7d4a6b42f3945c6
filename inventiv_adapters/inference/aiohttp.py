"""Calls to engines over one pooled client: no cookies, no redirects, no decompression."""

from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp

from inventiv_core.inference.entities import Route
from inventiv_core.inference.ports import EngineNotReached, EngineReply, Engines

_KEEP_ALIVE_S = 60
_READ_BYTES = 64 * 1024


class AiohttpReply(EngineReply):
    """An answer on its way."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def status_code(self) -> int:
        return self._response.status

    @property
    def content_type(self) -> str:
        return self._response.headers.get("Content-Type", "application/json")

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await self._response.content.readany():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineNotReached(str(error)) from error

    async def close(self) -> None:
        if not self._response.content.at_eof():
            self._response.close()  # hangs up: the engine notices and stops
        self._response.release()


class AiohttpEngines(Engines):
    """One session for all engines, opened when the application starts."""

    def __init__(self, *, connect_s: float = 5.0, first_byte_s: float = 300.0) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_s, sock_read=first_byte_s
        )
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Be ready to call."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},  # what comes is relayed, and read, as it is
            timeout=self._timeout,
            read_bufsize=_READ_BYTES,
            skip_auto_headers=("User-Agent",),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, route: Route, path: str, body: bytes, *, accept: str) -> EngineReply:
        if self._session is None:
            message = "the client is not open"
            raise EngineNotReached(message)
        headers = {"Content-Type": "application/json", "Accept": accept}
        try:
            response = await self._session.post(
                route.base_url + path, data=BytesIO(body), headers=headers, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineNotReached(str(error)) from error
        return AiohttpReply(response)
