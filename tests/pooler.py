"""A pooler in transaction mode, for tests: PgBouncer, or a small one of our own.

``TEST_PGBOUNCER`` names the program, else it is looked for on the path. Where there is none,
ours keeps the same promises, and no more: a server's connection belongs to a client from the
first message of a transaction to its end, then to whoever comes next, and whatever a session was
told stays behind on it. Like PgBouncer it greets with numbers of its own and refuses options.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from inventiv_adapters.cloud.mock.loopback import port_of, reserve

_START_S = 10.0
_PROTOCOL_3: Final = 196608
_CANCEL: Final = 80877102
_ENCRYPTION: Final = frozenset({80877103, 80877104})
_ASKS: Final = b"QSF"
"""What is answered with ReadyForQuery: a query, the end of a batch, a call."""
_REPORTED: Final = (
    "server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone",
    "integer_datetimes", "standard_conforming_strings", "IntervalStyle",
)  # fmt: skip

Messages = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextmanager
def pooler(
    directory: Path, url: str, *, connections: int = 2, prepared: bool = False
) -> Generator[str]:
    """Yield the address of a pooler in front of ``url``, with so many connections to share.

    With ``prepared``, it keeps prepared statements for its clients. Ours does so for one
    connection only: there, nobody comes between.
    """
    program = pgbouncer()
    if program is None:
        assert connections == 1 or not prepared
        with _Ours(url, connections).running() as port:
            yield _through(url, port)
        return
    with _pgbouncer(program, directory, url, connections, prepared=prepared) as port:
        yield _through(url, port)


def pgbouncer() -> str | None:
    """Return where PgBouncer is; ``None`` if nowhere."""
    return os.environ.get("TEST_PGBOUNCER") or shutil.which("pgbouncer")


def _through(url: str, port: int) -> str:
    known = conninfo_to_dict(url)
    user = known.get("user", "postgres")
    return f"postgresql://{user}@127.0.0.1:{port}/{known['dbname']}"


@contextmanager
def _pgbouncer(
    program: str, directory: Path, url: str, connections: int, *, prepared: bool
) -> Iterator[int]:
    with reserve(None) as reserved:
        port = port_of(reserved)
    known = {"host": "127.0.0.1", "port": "5432", **conninfo_to_dict(url)}
    place = " ".join(f"{key}={known[key]}" for key in ("host", "port", "user", "password", "dbname")
                     if known.get(key))  # fmt: skip
    lines = [
        "[databases]", f"{known['dbname']} = {place}", "[pgbouncer]",
        "listen_addr = 127.0.0.1", f"listen_port = {port}", "unix_socket_dir =",
        "auth_type = any", "pool_mode = transaction", f"default_pool_size = {connections}",
        "server_round_robin = 1", "query_wait_timeout = 30",
    ]  # fmt: skip
    if prepared and _version_of(program) >= (1, 21):
        lines.append("max_prepared_statements = 200")
    settings = directory / "pgbouncer.ini"
    settings.write_text("\n".join(lines))
    settings.chmod(0o644)
    user = ("-u", _owner_of(str(known["host"]))) if os.geteuid() == 0 else ()
    with (directory / "pgbouncer.log").open("w") as log, settings.open() as given:
        process = subprocess.Popen(  # noqa: S603 - the one that was named
            [program, *user, "/dev/stdin"],
            stdin=given,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        last = monotonic() + _START_S
        while True:
            assert process.poll() is None, (directory / "pgbouncer.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                assert monotonic() < last, (directory / "pgbouncer.log").read_text()
                sleep(0.02)
            else:
                break
        yield port
    finally:
        process.kill()
        process.wait(_START_S)


def _version_of(program: str) -> tuple[int, ...]:
    said = subprocess.run(  # noqa: S603 - the one that was named
        [program, "--version"], capture_output=True, text=True, check=True
    )
    return tuple(int(number) for number in said.stdout.split()[1].split("."))


def _owner_of(place: str) -> str:
    """Return as whom to run, if not as root: whoever may reach the socket of the server."""
    if not place.startswith("/"):
        return "nobody"
    return pwd.getpwuid(Path(place).stat().st_uid).pw_name


@dataclass(eq=False)
class _Server:
    """One connection to the server, past its greeting."""

    session: psycopg.Connection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        self.writer.close()
        self.session.close()


@dataclass(eq=False)
class _Client:
    """Whoever is connected to us, and what they have of the server at this moment."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: _Server | None = None
    asked: int = 0
    """How many answers are still to come."""
    listening: "asyncio.Task[None] | None" = None


@dataclass(eq=False)
class _Ours:
    url: str
    connections: int
    free: "asyncio.Queue[_Server]" = field(default_factory=asyncio.Queue)
    clients: dict[bytes, _Client] = field(default_factory=dict)
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)
    told: bytes = b""

    @contextmanager
    def running(self) -> Iterator[int]:
        """Serve in a thread of its own; yield the port."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            started = asyncio.run_coroutine_threadsafe(self._start(), loop)
            yield started.result(_START_S)
        finally:
            asyncio.run_coroutine_threadsafe(self._stop(), loop).result(_START_S)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_START_S)
            loop.close()

    async def _start(self) -> int:
        for _ in range(self.connections):
            self.free.put_nowait(await self._connect())
        self.listener = await asyncio.start_server(self._greet, "127.0.0.1", 0)
        return int(self.listener.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        self.listener.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        while not self.free.empty():
            self.free.get_nowait().close()

    async def _connect(self) -> _Server:
        """Have libpq log in, and take its socket."""
        session = psycopg.connect(make_conninfo(self.url, sslmode="disable"), autocommit=True)
        if not self.told:
            known = ((name, session.info.parameter_status(name)) for name in _REPORTED)
            self.told = b"".join(
                _message(b"S", name.encode(), b"\0", value.encode(), b"\0")
                for name, value in known
                if value is not None
            )
        sock = socket.socket(fileno=os.dup(session.fileno()))
        sock.setblocking(False)  # noqa: FBT003 - positional only
        return _Server(session, *await asyncio.open_connection(sock=sock))

    async def _greet(self, *line: *Messages) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._serve(*line)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # they have gone, or all is over
        finally:
            self.tasks.discard(task)
            line[1].close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = secrets.token_bytes(8)
        while True:
            [length] = struct.unpack("!I", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            [code] = struct.unpack("!I", body[:4])
            if code in _ENCRYPTION:
                writer.write(b"N")
                continue
            if code == _CANCEL:
                await self._cancel(body[4:])
                return
            break
        words = body[4:].split(b"\0")
        if b"options" in words[::2]:
            complaint = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            writer.write(_message(b"E", complaint))
            await writer.drain()
            return
        writer.write(_message(b"R", struct.pack("!I", 0)) + self.told)
        writer.write(_message(b"K", key) + _message(b"Z", b"I"))
        client = self.clients[key] = _Client(reader, writer)
        try:
            await self._pass_on(client)
        finally:
            del self.clients[key]
            if client.server is not None:  # in the middle of a transaction: nobody may go on there
                assert client.listening is not None
                client.listening.cancel()
                client.server.close()
                self.free.put_nowait(await self._connect())

    async def _pass_on(self, client: _Client) -> None:
        while True:
            kind, message = await _read(client.reader)
            if kind == b"X":
                return
            if client.server is None:
                client.server = await self.free.get()
                client.listening = asyncio.create_task(self._answer(client, client.server))
            client.asked += kind in _ASKS
            client.server.writer.write(message)

    async def _answer(self, client: _Client, server: _Server) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, message = await _read(server.reader)
                is_over = False
                if kind == b"Z":
                    client.asked -= 1
                    is_over = client.asked == 0 and message.endswith(b"I")
                if is_over:
                    client.server = client.listening = None
                    self.free.put_nowait(server)
                client.writer.write(message)
                if is_over:
                    return
        client.writer.close()  # the server has gone, and so has the transaction

    async def _cancel(self, key: bytes) -> None:
        client = self.clients.get(key)
        if client is not None and client.server is not None:
            await asyncio.to_thread(client.server.session.cancel_safe, timeout=5)


def _message(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + struct.pack("!I", len(body) + 4) + body


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the kind of the next message, and all of it."""
    head = await reader.readexactly(5)
    [length] = struct.unpack("!I", head[1:])
    return head[:1], head + await reader.readexactly(length - 4)
