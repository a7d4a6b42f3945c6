"""`inventiv organizations`, `members` and `invite`: the team one works in."""

from typing import Annotated, Any

import typer

from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, must_be_bare, run
from inventiv_http.cli.output import Output, instant
from inventiv_http.cli.people import show_people
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import AsyncInventiv, Organization

PERSONAL = "personal"

app = typer.Typer(invoke_without_command=True, pretty_exceptions_enable=False)


@app.callback()
def organizations(
    context: typer.Context,
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List the organizations you belong to, and say which one you work in."""
    if context.invoked_subcommand is None:
        run(_organizations(asked(url, username, password), Output(as_json)))
        return
    must_be_bare(context)


@app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    slug: Annotated[
        str | None, typer.Option("--slug", help="Its short name; else made of the name.")
    ] = None,
    use: Annotated[bool, typer.Option("--use/--no-use", help="Work there from now on.")] = True,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Found an organization, which you own, and work there."""
    wanted = asked(url, username, password)
    run(_create(wanted, name, slug, Output(as_json), use=use and wanted.username is None))


@app.command()
def use(
    *,
    organization: Annotated[
        str, typer.Argument(metavar="SLUG", help=f"Its slug or id; {PERSONAL!r} for none.")
    ],
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Choose the organization that the next commands are about."""
    wanted = asked(url, username, password)
    if wanted.username is not None:
        raise UsageWrong(
            sentence="A sign-in for one command has no next commands.",
            advice="Run `inventiv login` first, then this without a username.",
        )
    run(_use(wanted, organization, Output(as_json)))


def members(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List who belongs to the organization you work in."""
    run(_members(asked(url, username, password), Output(as_json)))


def invite(
    *,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom to invite.")],
    role: Annotated[
        str, typer.Option("--role", help="As what: owner, admin, manager or user.")
    ] = "user",
    days: Annotated[
        int, typer.Option("--days", min=1, max=365, help="How long the invitation lasts.")
    ] = 7,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Invite somebody into the organization you work in, by mail."""
    run(_invite(asked(url, username, password), email, role, days, Output(as_json)))


async def _organizations(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.organizations()
        current = (await server.me())["current_organization_id"]
    out.table(
        ("", "Organization", "Name", "Your role", "Members "),
        (
            ("*" if row["id"] == current else "", row["slug"], row["name"], row["role"],
             row["member_count"])
            for row in rows
        ),
        empty="You belong to no organization. `inventiv organizations create NAME` founds one.",
    )  # fmt: skip
    if rows and current is None:
        out.say("You work in your personal workspace.")
    out.document([{**row, "is_current": row["id"] == current} for row in rows])


async def _create(wanted: Asked, name: str, slug: str | None, out: Output, *, use: bool) -> None:
    async with connected(wanted) as server:
        row = await server.create_organization(name, slug=slug, use=use)
    where = " You work there now." if use else ""
    out.say(f"Organization {row['slug']}: {row['name']}.{where}")
    out.document({**row, "is_current": use})


async def _use(wanted: Asked, reference: str, out: Output) -> None:
    async with connected(wanted) as server:
        row = None
        if reference.lower() != PERSONAL:
            row = await _an_organization(server, reference)
        await server.switch(None if row is None else row["id"])
    out.say("You work in your personal workspace." if row is None else _place(row))
    out.document({"current_organization_id": None if row is None else row["id"]})


def _place(row: Organization) -> str:
    return f"You work in {row['name']} ({row['slug']}), as its {row['role']}."


async def _an_organization(server: AsyncInventiv, reference: str) -> Organization:
    """Return the organization of that slug or id."""
    rows = await server.organizations()
    for row in rows:
        if reference.lower() in {row["slug"], row["id"]}:
            return row
    known = ", ".join(row["slug"] for row in rows)
    raise CommandFailed(
        sentence=f"You belong to no organization {reference!r}.",
        advice=f"You belong to: {known}." if known else "You belong to none.",
    )


async def _members(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.members()
    show_people(rows, out, empty="Nobody belongs to this organization.")


async def _invite(wanted: Asked, email: str, role: str, days: int, out: Output) -> None:
    async with connected(wanted) as server:
        sent = await server.invite(email, role=role, days=days)
    out.say(f"Invited {sent['email']} as {sent['role']}, until {instant(sent['expires_at'])} UTC.")
    out.say(f"Should the mail not arrive, its link ends in: /invitations/{sent['token']}")
    answer: dict[str, Any] = dict(sent)
    out.document(answer)
