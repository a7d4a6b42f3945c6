"""`inventiv login` and `inventiv logout`."""

from typing import Any

from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output, known
from inventiv_http.cli.session import (
    Login,
    ask,
    ask_password,
    forget,
    local,
    normalized,
    save,
    saved,
    sign_out,
)
from inventiv_http.client import AsyncInventiv


def login(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Sign in to a server, and stay signed in for the next commands.

    What is not given is asked for. The password is not kept; the token is, in a
    file only you can read.
    """
    address = normalized(url or _usual_address())
    name = username or ask("Username or email", option="--username")
    run(_login(address, name, password or ask_password(name), Output(as_json)))


def logout(*, as_json: AsJson = False) -> None:
    """End the saved session, here and on the server."""
    run(_logout(Output(as_json)))


def _usual_address() -> str:
    usual = saved() or local()
    return usual.url if usual else ask("Address of the server", option="--url")


async def _login(url: str, username: str, password: str, out: Output) -> None:
    async with AsyncInventiv(url) as server:
        await server.login(username, password)
        me = await server.me()
    save(Login(url=url, token=server.token))
    organization = known(me["current_organization_name"])
    role = me["current_organization_role"]
    out.say(
        f"Signed in to {url} as {me['username']}, organization {organization}"
        + (f" ({role})." if role else ".")
    )
    out.document({"url": url, **me})


async def _logout(out: Output) -> None:
    try:
        kept = saved()
    except CommandFailed as unreadable:  # then there is a file to remove, and no token to end
        out.note(unreadable.sentence)
        kept = None
    forget()
    if kept is None:
        out.say("You were not signed in.")
        out.document({"url": None, "ended_on_server": False})
        return
    async with AsyncInventiv(kept.url, kept.token) as server:
        ended = await sign_out(server)
    out.say(f"Signed out of {kept.url}.")
    answer: dict[str, Any] = {"url": kept.url, "ended_on_server": ended}
    out.document(answer)
