"""`inventiv keys`: how programs call, without a password."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, must_be_bare, run
from inventiv_http.cli.output import Output, instant, known
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import ApiKey, AsyncInventiv

_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST: Final = timedelta(days=36_500)

app = typer.Typer(invoke_without_command=True, pretty_exceptions_enable=False)


@app.callback()
def keys(
    context: typer.Context,
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List your API keys, newest first: where each works, for what, and when it was used."""
    if context.invoked_subcommand is None:
        run(_keys(asked(url, username, password), Output(as_json)))
        return
    must_be_bare(context)


@app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    expires: Annotated[
        str | None,
        typer.Option("--expires", help="How long it lasts, such as 12h, 90d or 4w; else for ever."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model that it may use, once for each; else all."),
    ] = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key for the workspace you are in. It is shown this once."""
    lasts = None if expires is None else lifetime(expires)
    run(_create(asked(url, username, password), name, lasts, model or None, Output(as_json)))


@app.command()
def revoke(
    *,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Its prefix or id, or the unique beginning of it.")
    ],
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """End an API key: whatever calls with it is refused from now on."""
    run(_revoke(asked(url, username, password), key, Output(as_json)))


def lifetime(text: str) -> timedelta:
    """Understand how long a key is to last."""
    said = re.fullmatch(r"([1-9][0-9]{0,6})([hdw])", text.strip().lower())
    lasts = None if said is None else int(said[1]) * _UNITS[said[2]]
    if lasts is None or lasts > _LONGEST:
        raise UsageWrong(
            sentence=f"{text!r} is not how long a key can last.",
            advice="Say hours, days or weeks, such as 12h, 90d or 4w.",
        )
    return lasts


async def _keys(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.api_keys()
    out.table(
        ("Key", "Name", "Workspace", "Models", "Last used (UTC)", "Expires (UTC)", "State"),
        (
            (
                f"{row['key_prefix']}…",
                row["name"],
                "personal" if row["organization_id"] is None else known(row["organization_name"]),
                "all" if row["models"] is None else ", ".join(row["models"]),
                instant(row["last_used_at"]),
                instant(row["expires_at"]),
                _state(row),
            )
            for row in rows
        ),
        empty="You have no API key. `inventiv keys create NAME` makes one.",
    )
    out.document(rows)


def _state(row: ApiKey) -> str:
    if row["revoked_at"] is not None:
        return "revoked"
    expires_at = row["expires_at"]
    if expires_at is not None and datetime.fromisoformat(expires_at) <= _now():
        return "expired"
    return "good"


def _now() -> datetime:
    return datetime.now(UTC)


async def _create(
    wanted: Asked, name: str, lasts: timedelta | None, models: list[str] | None, out: Output
) -> None:
    expires_at = None if lasts is None else _now() + lasts
    async with connected(wanted) as server:
        made = await server.create_api_key(name, expires_at=expires_at, models=models)
    out.say(made["api_key"])
    out.note("Keep it well: it is not shown again. `inventiv keys revoke` ends it.")
    out.document(made)


async def _revoke(wanted: Asked, reference: str, out: Output) -> None:
    async with connected(wanted) as server:
        row = await _a_key(server, reference)
        await server.revoke_api_key(row["id"])
    out.say(f"Key {row['key_prefix']}… ({row['name']}) is revoked.")
    out.document({"id": row["id"], "revoked": True})


async def _a_key(server: AsyncInventiv, reference: str) -> ApiKey:
    """Return the key that is meant: one of those that are not revoked."""
    wanted = reference.strip().rstrip("…").lower()
    good = [row for row in await server.api_keys() if row["revoked_at"] is None]
    found = [
        row
        for row in good
        # whoever has the whole key may paste it
        if wanted.startswith(row["key_prefix"])
        or row["key_prefix"].startswith(wanted)
        or row["id"].startswith(wanted)
    ]
    if wanted and len(found) == 1:
        return found[0]
    shown = wanted[:12]
    if not wanted or not found:
        raise CommandFailed(
            sentence=f"You have no API key {shown!r} that is not revoked.",
            advice="`inventiv keys` lists them.",
        )
    several = ", ".join(f"{row['id']} ({row['name']})" for row in found)
    raise CommandFailed(
        sentence=f"{shown!r} is the beginning of several keys: {several}.",
        advice="Name one by its id.",
    )
