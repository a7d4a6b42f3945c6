"""`inventiv users` and `inventiv passwd`: whoever may sign in, and one's own password."""

import secrets
from typing import Annotated

import typer

from inventiv_http.cli.errors import UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output
from inventiv_http.cli.people import show_people
from inventiv_http.cli.session import Asked, ask, asked, connected

PASSWORD_BYTES = 15

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def users() -> None:
    """See who may sign in, and give somebody an account."""


@app.command("list")
def list_(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List the users of the platform, the newest first; takes an administrator."""
    run(_list(asked(url, username, password), Output(as_json)))


@app.command()
def create(
    *,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Their address.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Their user name; else the address.")
    ] = None,
    role: Annotated[str, typer.Option("--role", help="On the platform: admin or user.")] = "user",
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Ask for their password; else one is drawn.")
    ] = False,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Give somebody an account; takes an administrator. A drawn password is shown once."""
    wanted = asked(url, username, password)
    chosen = ask_new_password(email) if prompt else None
    run(_create(wanted, email, name, role, chosen, Output(as_json)))


def passwd(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Change your own password. Your other sessions end."""
    wanted = asked(url, username, password)
    current = wanted.password or ask("Current password", option="--password", unseen=True)
    run(_passwd(wanted, current, ask_new_password("yourself"), Output(as_json)))


def ask_new_password(whose: str) -> str:
    """Ask for another password, twice, unseen."""
    first = ask(f"New password for {whose}", option="A terminal", unseen=True)
    if ask("The same again", option="A terminal", unseen=True) != first:
        raise UsageWrong(sentence="The two passwords differ.")
    return first


def draw_password() -> str:
    """Return a password that nobody can guess."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


async def _list(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.users()
    show_people(rows, out, empty="There is nobody.")


async def _create(
    wanted: Asked, email: str, name: str | None, role: str, chosen: str | None, out: Output
) -> None:
    password = chosen or draw_password()
    async with connected(wanted) as server:
        user = await server.create_user(email, name=name, role=role, password=password)
    out.say(f"{user['username']} ({user['email']}) has an account, as {user['role']}.")
    if chosen is None:
        out.say(f"Password: {password}   (shown only now: hand it over)")
    out.document({**user, "password": None if chosen else password})


async def _passwd(wanted: Asked, current: str, new: str, out: Output) -> None:
    async with connected(wanted) as server:
        await server.change_password(current, new)
    out.say("Your password is changed, and your other sessions have ended.")
    out.document({"status": "ok"})
