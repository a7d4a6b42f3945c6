"""Calls to engines over connections of our own, parsed by ``httptools``.

HTTP/1.1 (RFC 9112) as far as engines speak it: POST, keep-alive, bodies by length, by chunks, or
until the end of the connection. No redirects, no cookies, no compression, no upgrade.
"""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from inventiv_adapters.inference.deadlines import Deadlines, Watch, Watches
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.ports import EngineCall, EngineNotReached, EngineReply, Engines, Sink
from inventiv_core.kernel.secrets import Secret

_KEEP_ALIVE_S: Final = 4.0
"""Less than engines keep idle connections: uvicorn, which most of them use, closes after 5."""
_READ_BYTES: Final = 64 * 1024
"""What is read ahead of a caller who takes it slowly."""
_HEAD_BYTES: Final = 64 * 1024
"""The longest head of an answer."""
_BODILESS: Final = frozenset({204, 304})
_CLOSED: Final = "the engine has closed the connection"
_UNSENDABLE: Final = re.compile(r"[\r\n\0]")
_UNWRITABLE: Final = "the call cannot be written as a request"
_UNAUTHORIZED: Final = 401
_LOCKED_OUT: Final = "the engine does not take the key that we know of it"


class Writer(Protocol):
    """Sends what is to be sent: at once, or together with what else there is to send."""

    def post(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send a whole message, soon."""
        ...


class _AtOnce(Writer):
    def post(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        transport.write(data)


class _Connection(asyncio.Protocol):
    """One connection, with one call on it at a time."""

    def __init__(self, pool: "_Pool", writer: Writer, watches: Watches) -> None:
        self.watch = Watch(watches, expire=self.fail)
        self._pool = pool
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._is_paused = False
        self.idle_since: float | None = None
        self._parser = HttpResponseParser(self)
        self._forget()

    def _forget(self) -> None:
        """Be ready for the next answer."""
        self._waiter: asyncio.Future[Awaitable[None] | None] | None = None
        self._sink: Sink | None = None
        self._pieces: list[bytes] = []
        self._ahead_bytes = 0
        self._head_bytes = 0
        self._has_length = False
        self._ends_with_connection = False
        self.error: str | None = None
        self.status_code = 0
        self.content_type = "application/json"
        self.content_length: int | None = None
        self.retry_after: str | None = None
        self.has_head = False
        self.is_complete = False
        self._keeps_alive = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.idle_since is not None or self.is_complete:
            self.abort()  # nobody has asked for it
            return
        if not self.has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.fail(f"what the engine says is no answer: {error}")
        if not self.has_head and self._head_bytes > _HEAD_BYTES:
            self.fail("the head of the engine's answer is too long")
        self._pass_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.idle_since is not None:
            self._pool.drop(self)
        elif self._ends_with_connection and exc is None:
            self.is_complete = True
        elif not self.is_complete and self.error is None:
            self.error = _CLOSED
        self._wake()

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.is_complete:
            message = "another answer, that nobody has asked for"
            raise ValueError(message)  # the parser stops, and says so

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-type":
                self.content_type = value.decode("latin-1")
            case b"retry-after":
                self.retry_after = value.decode("latin-1")
            case b"content-length":
                self._has_length = True
                self.content_length = int(value)  # the parser has seen that it is a number
            case b"transfer-encoding":
                self._has_length = True
            case _:
                pass

    def on_headers_complete(self) -> None:
        self.status_code = self._parser.get_status_code()
        self.has_head = self.status_code >= 200  # noqa: PLR2004 - what is less is not yet an answer
        self._ends_with_connection = (
            self.has_head and not self._has_length and self.status_code not in _BODILESS
        )

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._ahead_bytes += len(body)
        if self._ahead_bytes > _READ_BYTES and not self._is_paused and self._transport is not None:
            self._transport.pause_reading()
            self._is_paused = True

    def on_message_complete(self) -> None:
        if self.has_head:
            self.is_complete = True
            self._keeps_alive = self._parser.should_keep_alive()

    # What callers call.

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def write(self, request: bytes) -> None:
        """Send a request."""
        self.idle_since = None
        if self._transport is not None:
            self._writer.post(self._transport, request)

    @property
    def has_some(self) -> bool:
        """Whether something has come that was not taken yet."""
        return bool(self._pieces)

    @property
    def is_stale(self) -> bool:
        """Whether the engine has closed it unused, just as it was to be used again."""
        return self.error == _CLOSED and not self._head_bytes

    def take(self) -> bytes:
        """Return what has come and was not taken yet."""
        if self._is_paused and self._transport is not None:
            self._transport.resume_reading()
        self._is_paused, self._ahead_bytes = False, 0
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def news(self) -> Awaitable[Awaitable[None] | None]:
        """Return what to wait for until there is something new."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def flow(self, sink: Sink) -> Awaitable[Awaitable[None] | None]:
        """Have the sink take what comes, as it comes, until it is over or the sink is full.

        Return what to wait for: it has what the sink is to be waited for with, if that was it.
        """
        self._sink = sink
        return self.news()

    def release(self) -> None:
        """Let others use the connection, if they can; otherwise hang up."""
        if self.is_complete and self._keeps_alive and self.is_open and not self._is_paused:
            self._forget()
            self.idle_since = self._loop.time()
            self._pool.put(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Hang up: the engine notices, and stops."""
        if self._transport is not None:
            self._transport.abort()

    def fail(self, reason: str) -> None:
        """Give up on the answer."""
        self.error = reason
        self.abort()

    def _pass_on(self) -> None:
        """Give what has come to whoever takes it: no task is woken for a piece of an answer."""
        waiter = self._waiter
        if self._sink is None or not self._pieces or waiter is None or waiter.done():
            self._wake()
            return
        try:
            room = self._sink(self.take())
        except Exception as error:  # noqa: BLE001 - it is the business of who waits
            waiter.set_exception(error)
            self._sink = None
            return
        if room is not None or self.is_complete or self.error is not None:
            self._wake(room)

    def _wake(self, room: Awaitable[None] | None = None) -> None:
        waiter, self._waiter, self._sink = self._waiter, None, None
        if waiter is not None and not waiter.done():
            waiter.set_result(room)


class _Pool:
    """The connections to one engine that nobody uses: the last one back is the first to go."""

    def __init__(self, base_url: str) -> None:
        try:
            parts = urlsplit(base_url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise EngineNotReached(str(error)) from error
        if parts.scheme != "http" or not host or _UNSENDABLE.search(base_url):
            message = f"{base_url!r} is no address of an engine"
            raise EngineNotReached(message)
        self.host, self.port = host, port or 80
        self.path = parts.path.rstrip("/")
        self.netloc = parts.netloc
        self._idle: deque[_Connection] = deque()
        self._starts: dict[tuple[str, str], tuple[Secret | None, bytes]] = {}
        """Of requests by path and type, with the key that is in them."""

    def get(self, now: float) -> _Connection | None:
        """Return a connection that may be used again."""
        while self._idle:
            connection = self._idle.pop()
            since = connection.idle_since
            if connection.is_open and since is not None and now - since < _KEEP_ALIVE_S:
                return connection
            connection.abort()
        return None

    def put(self, connection: _Connection) -> None:
        """Keep a connection for later; those that have waited for too long go."""
        self._idle.append(connection)
        oldest, now = self._idle[0], connection.idle_since or 0.0
        while oldest.idle_since is None or now - oldest.idle_since > _KEEP_ALIVE_S:
            self._idle.popleft().abort()
            oldest = self._idle[0]

    def drop(self, connection: _Connection) -> None:
        """Forget a connection that is gone."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close all that nobody uses."""
        while self._idle:
            self._idle.pop().abort()

    def request(self, call: EngineCall, engine_key: Secret | None) -> bytes:
        """Return a call as it goes over the wire: nothing in it tells who the caller is."""
        start = self._starts.get((call.path, call.accept))
        if start is None or start[0] is not engine_key:
            start = self._starts[call.path, call.accept] = (
                engine_key,
                self._start(call, "" if engine_key is None else engine_key.reveal()),
            )
        if _UNSENDABLE.search(call.request_id):
            raise EngineNotReached(_UNWRITABLE)
        return b"%bX-Request-ID: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (
            start[1],
            call.request_id.encode("latin-1", "replace"),
            b"" if call.session is None else _session(call.session),
            len(call.body),
            call.body,
        )

    def _start(self, call: EngineCall, key: str) -> bytes:
        """Return what the heads of many calls have in common."""
        if _UNSENDABLE.search(f"{call.path}{call.accept}{key}"):
            raise EngineNotReached(_UNWRITABLE)
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        head = (
            f"POST {self.path}{call.path} HTTP/1.1\r\nHost: {self.netloc}\r\n"
            f"Accept: {call.accept}\r\nAccept-Encoding: identity\r\n"
            f"Content-Type: application/json\r\n{authorization}"
        )
        return head.encode("latin-1", "replace")


def _session(session: str) -> bytes:
    if _UNSENDABLE.search(session):
        raise EngineNotReached(_UNWRITABLE)
    return f"X-Inventiv-Session: {session}\r\n".encode("latin-1", "replace")


class Http1Reply(EngineReply):
    """An answer on its way."""

    __slots__ = (
        "_connection", "_is_closed", "_watch", "content_length", "content_type", "retry_after",
        "status_code",
    )  # fmt: skip

    def __init__(self, connection: _Connection, watch: Watch) -> None:
        self._connection = connection
        self._watch = watch
        self._is_closed = False
        self.status_code = connection.status_code
        self.content_type = connection.content_type
        self.content_length = connection.content_length
        self.retry_after = connection.retry_after

    @property
    def has_begun(self) -> bool:
        return not self._is_closed and self._connection.has_some

    @property
    def has_come(self) -> bool:
        return not self._is_closed and self._connection.is_complete

    async def pour(self, sink: Sink) -> None:
        connection, watch = self._connection, self._watch
        while True:
            piece = connection.take()
            room = sink(piece) if piece else None
            if room is None:
                if connection.is_complete:
                    return
                if connection.error is not None:
                    raise EngineNotReached(connection.error)
                watch.wait()
                room = await connection.flow(watch.awaited(sink))
            if room is not None:
                watch.rest()  # a slow caller is none of the engine's fault
                await room

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._watch.stop()
            self._connection.release()


class Http1Engines(Engines):
    """Connections to all engines, each opened when it is needed."""

    def __init__(self, deadlines: Deadlines, writer: Writer | None = None) -> None:
        self._watches = Watches(deadlines)
        self._writer = writer or _AtOnce()
        self._pools: dict[str, _Pool] | None = None

    async def open(self) -> None:
        """Be ready to call, in the loop that this is called in."""
        self._pools = {}
        self._watches = Watches(self._watches.deadlines)

    async def close(self) -> None:
        """Close all connections that nobody uses."""
        pools, self._pools = self._pools or {}, None
        for pool in pools.values():
            pool.close()

    # no coroutine of its own: one more for each call is felt
    def send(self, route: Route, call: EngineCall) -> Awaitable[EngineReply]:
        if self._pools is None:
            message = "the client is not open"
            raise EngineNotReached(message)
        pool = self._pools.get(route.base_url)
        if pool is None:
            pool = self._pools[route.base_url] = _Pool(route.base_url)
        began, request = self._watches.loop.time(), pool.request(call, route.engine_key)
        return self._ask(pool, pool.get(began), request, began)

    async def _ask(
        self, pool: _Pool, idle: _Connection | None, request: bytes, began: float
    ) -> EngineReply:
        connection = idle or await self._connect(pool)
        watch = connection.watch
        watch.begin(began)
        try:
            connection.write(request)
            while not connection.has_head:
                if connection.error is not None:
                    raise EngineNotReached(connection.error)  # noqa: TRY301 - as if it were told
                await connection.news()
        except BaseException as error:
            watch.stop()
            connection.abort()
            is_stale = idle is not None and connection.is_stale
            if is_stale and isinstance(error, EngineNotReached):  # a new one will do
                return await self._ask(pool, None, request, began)
            raise
        watch.rest()
        if connection.status_code == _UNAUTHORIZED:  # that is about us, not about the caller
            watch.stop()
            connection.abort()
            raise EngineNotReached(_LOCKED_OUT)
        return Http1Reply(connection, watch)

    async def _connect(self, pool: _Pool) -> _Connection:
        try:
            async with asyncio.timeout(self._watches.deadlines.connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(pool, self._writer, self._watches), pool.host, pool.port
                )
        except (TimeoutError, OSError, UnicodeError) as error:
            raise EngineNotReached(str(error)) from error
        return connection
