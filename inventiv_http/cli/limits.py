"""`inventiv limits`: how much of models may be used, and by whom."""

from collections.abc import Sequence
from typing import Annotated, Final, cast

import typer

from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, must_be_bare, run
from inventiv_http.cli.output import Output
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import AsyncInventiv, Limit, LimitChanges, Member, OrganizationKey

NONE: Final = "none"
NAMES: Final = (
    "requests_per_minute", "tokens_per_minute", "concurrent_calls", "tokens_per_day",
    "tokens_per_month", "eur_per_day", "eur_per_month",
)  # fmt: skip

app = typer.Typer(invoke_without_command=True, pretty_exceptions_enable=False)


def _number(flag: str, what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        flag, metavar="NUMBER", help=f"{what}; {NONE!r} takes this limit away."
    )
    return option


@app.callback()
def limits(
    context: typer.Context,
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List what limits the organization you work in, the platform's limits included."""
    if context.invoked_subcommand is None:
        run(_limits(asked(url, username, password), Output(as_json)))
        return
    must_be_bare(context)


@app.command(name="set")
def set_(
    *,
    user: Annotated[
        str | None, typer.Option("--user", help="Whom to limit; else everybody together.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="An API key to limit: its prefix or id, or how that begins."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A model to limit; else all together.")
    ] = None,
    requests_per_minute: Annotated[
        str | None, _number("--requests-per-minute", "Calls in a minute")
    ] = None,
    tokens_per_minute: Annotated[
        str | None, _number("--tokens-per-minute", "Tokens in a minute")
    ] = None,
    concurrent_calls: Annotated[
        str | None, _number("--concurrent-calls", "Calls at a time")
    ] = None,
    tokens_per_day: Annotated[
        str | None, _number("--tokens-per-day", "Tokens in a day of UTC")
    ] = None,
    tokens_per_month: Annotated[
        str | None, _number("--tokens-per-month", "Tokens in a month")
    ] = None,
    eur_per_day: Annotated[str | None, _number("--eur-per-day", "Euros in a day of UTC")] = None,
    eur_per_month: Annotated[str | None, _number("--eur-per-month", "Euros in a month")] = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Limit the organization you work in, or a member, a key or a model of it, or several of these.

    Numbers that are not named stay as they are.
    """
    said = (
        requests_per_minute, tokens_per_minute, concurrent_calls, tokens_per_day,
        tokens_per_month, eur_per_day, eur_per_month,
    )  # fmt: skip
    numbers = {
        name: _read(name, text) for name, text in zip(NAMES, said, strict=True) if text is not None
    }
    if not numbers:
        raise UsageWrong(
            sentence="There is nothing to limit it to.",
            advice="Say how much may be used, such as --requests-per-minute 60.",
        )
    wanted = asked(url, username, password)
    changes = cast("LimitChanges", {"model": model, **numbers})
    run(_set(wanted, user, key, changes, Output(as_json)))


@app.command()
def remove(
    *,
    limit: Annotated[
        str, typer.Argument(metavar="LIMIT", help="Its id, or the unique beginning of it.")
    ],
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Take a limit of the organization away."""
    run(_remove(asked(url, username, password), limit, Output(as_json)))


def _read(name: str, text: str) -> float | None:
    """Understand a number, or that there is to be none."""
    text = text.strip().lower()
    if text == NONE:
        return None
    try:
        return float(text) if name.startswith("eur_") else int(text)
    except ValueError:
        flag = "--" + name.replace("_", "-")
        raise UsageWrong(
            sentence=f"{text!r} is no number for {flag}.",
            advice=f"Give a number, or {NONE!r} for no limit.",
        ) from None


async def _limits(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.limits()
        people = await server.members()
        keys = await server.organization_keys()
    out.table(
        ("Limit", "Set by", "Of whom", "Model", "At most"),
        (
            (row["id"], row["set_by"], _whom(row, people, keys), row["model"] or "all", _most(row))
            for row in rows
        ),
        empty="Nothing limits the organization. `inventiv limits set` does.",
    )
    out.document(rows)


def _whom(row: Limit, people: Sequence[Member], keys: Sequence[OrganizationKey]) -> str:
    """Name whose calls are limited; who is not there any more goes by the id."""
    names = {one["user_id"]: one["username"] for one in people}
    prefixes = {one["key"]["id"]: f"{one['key']['key_prefix']}…" for one in keys}
    words: list[str] = []
    if (user_id := row["user_id"]) is not None:
        words.append(names.get(user_id, user_id))
    if (key_id := row["api_key_id"]) is not None:
        words.append(f"key {prefixes.get(key_id, key_id)}")
    return ", ".join(words) or "everybody"


def _most(row: Limit) -> str:
    """Say the numbers of a limit."""
    values = {name: value for name, value in row.items() if name in NAMES and value is not None}
    return ", ".join(
        f"{value} {name.replace('_per_', '/').replace('_', ' ')}" for name, value in values.items()
    )


async def _set(
    wanted: Asked, user: str | None, key: str | None, changes: LimitChanges, out: Output
) -> None:
    async with connected(wanted) as server:
        if user is not None:
            changes["user_id"] = await _user_id(server, user)
        if key is not None:
            changes["api_key_id"] = await _key_id(server, key)
        row = await server.set_limit(changes)
    out.say(f"From now on: {_most(row)}.")
    out.document(row)


async def _user_id(server: AsyncInventiv, name: str) -> str:
    wanted = name.strip().lower()
    for one in await server.members():
        if wanted in {one["username"].lower(), one["email"].lower(), one["user_id"]}:
            return one["user_id"]
    raise CommandFailed(
        sentence=f"Nobody in the organization is called {name!r}.",
        advice="`inventiv members` lists them.",
    )


async def _key_id(server: AsyncInventiv, reference: str) -> str:
    wanted = reference.strip().rstrip("…").lower()
    found = [
        one["key"]
        for one in await server.organization_keys()
        if one["key"]["revoked_at"] is None
        and wanted
        and (
            wanted.startswith(one["key"]["key_prefix"])  # whoever has the whole key may paste it
            or one["key"]["key_prefix"].startswith(wanted)
            or one["key"]["id"].startswith(wanted)
        )
    ]
    if len(found) == 1:
        return found[0]["id"]
    several = ", ".join(f"{key['id']} ({key['name']})" for key in found)
    raise CommandFailed(
        sentence=f"{wanted[:12]!r} is the beginning of several keys: {several}."
        if found
        else f"The organization has no API key {wanted[:12]!r} that is not revoked.",
        advice="Name one by its prefix or its id.",
    )


async def _remove(wanted: Asked, reference: str, out: Output) -> None:
    begins = reference.strip().lower()
    async with connected(wanted) as server:
        own = [row for row in await server.limits() if row["set_by"] == "organization"]
        found = [row for row in own if begins and row["id"].startswith(begins)]
        if len(found) != 1:
            which = "several limits" if found else "no limit of the organization's"
            raise CommandFailed(
                sentence=f"{begins!r} is the beginning of {which}.",
                advice="`inventiv limits` lists them.",
            )
        await server.remove_limit(found[0]["id"])
    out.say(f"No longer: {_most(found[0])}.")
    out.document({"id": found[0]["id"], "removed": True})
