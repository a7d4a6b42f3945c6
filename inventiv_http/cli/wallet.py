"""`inventiv wallet`: what is in it, what went in and out, and putting something in."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final
from uuid import UUID

import typer

from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, must_be_bare, run
from inventiv_http.cli.output import Output, instant
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import AsyncInventiv

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

app = typer.Typer(invoke_without_command=True, pretty_exceptions_enable=False)


@app.callback()
def wallet(
    context: typer.Context,
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Say what is in the wallet of the workspace you are in, and on what plan it is."""
    if context.invoked_subcommand is None:
        run(_wallet(asked(url, username, password), Output(as_json)))
        return
    must_be_bare(context)


@app.command()
def statement(
    *,
    month: Annotated[
        str | None,
        typer.Argument(metavar="YYYY-MM", help="A month in UTC; else the present one."),
    ] = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List what went into the wallet, and what tokens have cost, in a month."""
    if month is not None and not _MONTH.fullmatch(month):
        raise UsageWrong(sentence=f"{month!r} is no month.", advice="Write it like 2026-01.")
    run(_statement(asked(url, username, password), month, Output(as_json)))


@app.command("top-up")
def top_up(
    *,
    amount: Annotated[str, typer.Argument(metavar="EUROS", help="Such as 50, or 12.50.")],
    organization: Annotated[
        str | None,
        typer.Option("--organization", help="Whose wallet: its id, or its slug if it is yours."),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Whose wallet: a username, or an id.")
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="What it is for, as the statement will say.")
    ] = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Put money into a wallet; takes an administrator."""
    if (organization is None) == (user is None):
        raise UsageWrong(sentence="Say whose wallet: --organization or --user.")
    euros = euro_amount(amount)
    wanted = asked(url, username, password)
    run(_top_up(wanted, organization, user, euros, note, Output(as_json)))


def euro_amount(text: str) -> Decimal:
    """Return an amount, exactly as it was written."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise UsageWrong(
            sentence=f"{text!r} is not an amount to put in.", advice="Say euros, such as 12.50."
        )
    return amount


def _cents(amount: float) -> str:
    """Write a balance: cents, and as many more digits as it takes, to a millionth."""
    whole, _, rest = f"{abs(amount):.6f}".partition(".")
    return f"{'-' if amount < 0 else ''}€{whole}.{rest[:2]}{rest[2:].rstrip('0')}"


async def _wallet(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        row = await server.wallet()
    whose = "your own wallet" if row["organization_id"] is None else "the organization's wallet"
    out.say(f"{_cents(row['wallet_balance_eur'])} in {whose}; plan: {row['plan']}.")
    out.document(row)


async def _statement(wanted: Asked, month: str | None, out: Output) -> None:
    async with connected(wanted) as server:
        found = await server.statement(month=month)
    out.say(f"{found['month']}: from {_cents(found['opening_balance_eur'])}")
    out.table(
        ("When (UTC)", "What", "Requests ", "Tokens in ", "out ", "Amount "),
        (
            (
                instant(line["at"]) if line["model_id"] is None else line["at"][:10],
                line["model_id"] or line["note"] or line["kind"].replace("_", " "),
                "-" if line["requests"] is None else line["requests"],
                "-" if line["input_tokens"] is None else line["input_tokens"],
                "-" if line["output_tokens"] is None else line["output_tokens"],
                _cents(line["amount_eur"]),
            )
            for line in found["lines"]
        ),
        empty="Nothing went in or out.",
    )
    out.say(f"to {_cents(found['closing_balance_eur'])}")
    out.document(found)


async def _top_up(
    wanted: Asked,
    organization: str | None,
    user: str | None,
    euros: Decimal,
    note: str | None,
    out: Output,
) -> None:
    async with connected(wanted) as server:
        user_id = None if user is None else await _a_user(server, user)
        organization_id = (
            None if organization is None else await _an_organization(server, organization)
        )
        done = await server.top_up(
            euros, user_id=user_id, organization_id=organization_id, note=note
        )
    out.say(f"There is {_cents(done['wallet_balance_eur'])} in it now.")
    payer = {"user_id": user_id, "organization_id": organization_id}
    out.document({**{name: id_ for name, id_ in payer.items() if id_ is not None}, **done})


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def _an_organization(server: AsyncInventiv, reference: str) -> str:
    if _is_id(reference):
        return reference
    found = [row["id"] for row in await server.organizations() if row["slug"] == reference]
    if not found:
        raise CommandFailed(
            sentence=f"You belong to no organization {reference!r}.",
            advice="Name another one by its id.",
        )
    return found[0]


async def _a_user(server: AsyncInventiv, reference: str) -> str:
    if _is_id(reference):
        return reference
    wanted = reference.lower()
    for row in await server.users():
        if wanted in {row["username"].lower(), row["email"].lower()}:
            return row["id"]
    raise CommandFailed(
        sentence=f"There is no user {reference!r}.", advice="`inventiv users list` lists them."
    )
