"""Which server a command talks to, and with what token."""

import json
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import platformdirs
import typer

from inventiv_http.cli.advice import explained
from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.client import AsyncInventiv, CallFailed, Patience
from inventiv_http.client.reading import read_object

PATIENCE = Patience()
START_OR_LOGIN = "Start one with `inventiv serve`, or sign in with `inventiv login --url …`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A server, and the token it knows us by."""

    url: str
    token: str = field(repr=False)
    file: Path | None = field(default=None, compare=False)
    """Where it is kept, if it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line and the environment say about the server."""

    url: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    data_dir: Path | None = None


def normalized(url: str) -> str:
    """Return the address without its last slash, if it is one."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageWrong(sentence=f"{url!r} is not an address.") from error
    if parsed.userinfo:  # it would be kept, and shown
        raise UsageWrong(
            sentence="The address of a server holds no username and no password.",
            advice="Give them with --username and --password.",
        )
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise UsageWrong(
            sentence=f"{url!r} is not the address of a server.",
            advice="It starts with http:// or https://, such as http://127.0.0.1:8003.",
        )
    return str(parsed).rstrip("/")


def saved() -> Login | None:
    """Return what `inventiv login` kept."""
    return _read(_session_file(), mend="Run `inventiv logout`, then `inventiv login`.")


def save(login: Login) -> None:
    """Keep a login for the next commands, where only this user can read it."""
    file = login.file or _session_file()
    try:
        if login.file is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.parent.chmod(0o700)
        # A new file, private from its first byte, takes the old one's place at once.
        handle, draft = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            json.dump({"url": login.url, "token": login.token}, written)
        Path(draft).replace(file)
    except OSError as error:
        raise CommandFailed(
            sentence=f"The login cannot be kept in {file}: {error.strerror}."
        ) from error


def forget() -> None:
    """Drop the kept login."""
    file = _session_file()
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise CommandFailed(sentence=f"{file} cannot be removed: {error.strerror}.") from error


def local(data_dir: Path | None = None) -> Login | None:
    """Return the way in that a server on this machine leaves while it runs."""
    named = data_dir or os.environ.get("INVENTIV_DATA_DIR")
    folder = Path(named) if named else platformdirs.user_data_path("inventiv")
    return _read(folder / "client.json", mend="Start `inventiv serve` again.")


@asynccontextmanager
async def connected(wanted: Asked, *, local_first: bool = False) -> AsyncGenerator[AsyncInventiv]:
    """Open the server that is meant, as the caller who is meant."""
    login = await _chosen(wanted, local_first=local_first)
    if wanted.username and wanted.password:
        async with _for_once(login.url, wanted.username, wanted.password) as server:
            yield server
        return
    if not login.token:
        raise CommandFailed(
            sentence=f"There is no login for {login.url}.",
            advice=f"Run `inventiv login --url {login.url}`, or give --username and --password.",
        )
    async with AsyncInventiv(login.url, login.token, patience=PATIENCE) as server:
        try:
            yield server
        finally:
            if server.token != login.token:  # the one before is good for a moment only
                save(replace(login, token=server.token))


def ask(question: str, *, option: str, unseen: bool = False) -> str:
    """Ask at the terminal what the option did not say."""
    try:
        answer: str = typer.prompt(question, hide_input=unseen, err=True)
    except typer.Abort as stopped:
        if isinstance(stopped.__context__, EOFError):
            raise UsageWrong(
                sentence=f"{option} was not given, and there is nobody to ask.",
                advice=f"Give {option}; `--help` names the environment variable as well.",
            ) from stopped
        raise
    return answer


def asked(
    url: str | None, username: str | None, password: str | None, data_dir: Path | None = None
) -> Asked:
    """Gather what was said, and ask for a password that is missing."""
    if password and not username:
        raise UsageWrong(
            sentence="A password was given without a username.", advice="Add --username."
        )
    if username and not password:
        password = ask_password(username)
    return Asked(url=url, username=username, password=password, data_dir=data_dir)


def ask_password(username: str) -> str:
    """Ask for a password, unseen."""
    return ask(f"Password of {username}", option="--password", unseen=True)


@asynccontextmanager
async def _for_once(url: str, username: str, password: str) -> AsyncGenerator[AsyncInventiv]:
    """Sign in for one command, and out again."""
    async with AsyncInventiv(url, patience=PATIENCE) as server:
        await server.login(username, password)
        try:
            yield server
        finally:
            await sign_out(server)


async def sign_out(server: AsyncInventiv) -> bool:
    """End the session of this server's token, and tell whether the server did."""
    try:
        await server.logout()
    except CallFailed as failed:
        why = explained(failed)
        typer.echo(f"The session stays open on the server until it expires: {why}", err=True)
        return False
    return True


async def _chosen(wanted: Asked, *, local_first: bool) -> Login:
    if wanted.url:
        return _known_at(normalized(wanted.url), wanted.data_dir)
    if not local_first and (kept := saved()):
        return kept
    here = local(wanted.data_dir)
    if here and await _answers(here):
        return here
    if local_first and (kept := saved()):
        return kept
    raise CommandFailed(
        sentence=f"No server answers at {here.url}." if here else "No server is known.",
        advice=START_OR_LOGIN,
    )


def _known_at(url: str, data_dir: Path | None) -> Login:
    kept = saved()
    if kept and kept.url == url:
        return kept
    here = local(data_dir)
    return here if here and here.url == url else Login(url=url, token="")


async def _answers(login: Login) -> bool:
    async with AsyncInventiv(login.url) as server:
        try:
            await server.health()
        except CallFailed:
            return False
        return True


def _session_file() -> Path:
    return platformdirs.user_config_path("inventiv") / "session.json"


def _read(file: Path, *, mend: str) -> Login | None:
    try:
        kept = read_object(json.loads(file.read_text(encoding="utf-8")))
        return Login(url=normalized(str(kept["url"])), token=str(kept["token"]), file=file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, CallFailed, CommandFailed) as error:
        raise CommandFailed(sentence=f"{file} cannot be read.", advice=mend) from error
