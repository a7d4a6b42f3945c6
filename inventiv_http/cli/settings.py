"""`inventiv settings` and `inventiv credentials`: what may be changed at run time."""

import json
import sys
from typing import Annotated, Final

import typer

from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output, instant
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import (
    AsyncInventiv,
    Credentials,
    Effective,
    GlobalSetting,
    Json,
    NotUnderstood,
    ProviderParams,
    SettingDefinition,
)
from inventiv_http.client.reading import parsed, read_object

settings = typer.Typer(
    name="settings", no_args_is_help=True, help="What an operator may change at run time."
)
credentials = typer.Typer(
    name="credentials",
    no_args_is_help=True,
    help="What lets your organization rent machines at a provider.",
)

YES_OR_NO: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "false": False,
    "no": False,
    "off": False,
}

Key = Annotated[str, typer.Argument(metavar="KEY", help="Its name; `inventiv settings show`.")]
Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's code.")]
AtProvider = Annotated[
    str | None,
    typer.Option("--provider", help="For your organization, at this provider; else for all."),
]


@settings.command()
def show(
    *,
    platform: Annotated[
        bool, typer.Option("--platform", help="What holds for all organizations, instead.")
    ] = False,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Show what counts for your organization at each provider, and who has chosen it."""
    run(_show(asked(url, username, password), Output(as_json), platform=platform))


@settings.command("set")
def set_(
    *,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE")],
    provider: AtProvider = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Choose a value."""
    wanted = asked(url, username, password)
    run(_change(wanted, key, value, provider, Output(as_json)))


@settings.command()
def reset(
    *,
    key: Key,
    provider: AtProvider = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Forget what was chosen: the environment or the default counts again."""
    wanted = asked(url, username, password)
    run(_change(wanted, key, None, provider, Output(as_json)))


@credentials.command("show")
def look(
    *,
    provider: Provider,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Show which credentials are set, since when, and by whom: never what they are."""
    run(_look(asked(url, username, password), provider, Output(as_json)))


@credentials.command("set")
def write(
    *,
    provider: Provider,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read a JSON object of fields instead of asking.")
    ] = False,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Set credentials. Secrets are asked for, unseen; an empty answer leaves a field as it is."""
    wanted = asked(url, username, password)
    fields = _from_stdin() if from_stdin else None
    run(_write(wanted, provider, fields, Output(as_json)))


@credentials.command("test")
def check(
    *,
    provider: Provider,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Try them, with one call that changes nothing. Fails if they are not good."""
    run(_check(asked(url, username, password), provider, Output(as_json)))


@credentials.command("delete")
def remove(
    *,
    provider: Provider,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Forget all credentials at a provider."""
    run(_remove(asked(url, username, password), provider, Output(as_json)))


async def _show(wanted: Asked, out: Output, *, platform: bool) -> None:
    async with connected(wanted) as server:
        if platform:
            rows = await server.global_settings()
            _show_globals(rows, out)
            out.document(rows)
        else:
            params = await server.provider_params()
            _show_params(params, out)
            out.document(params)


def _show_globals(rows: list[GlobalSetting], out: Output) -> None:
    out.table(
        ("Setting", "Value", "Chosen by"),
        ((row["key"], *_cells(row["effective"])) for row in rows),
        empty="There is no global setting.",
    )


def _show_params(rows: list[ProviderParams], out: Output) -> None:
    out.table(
        ("Provider", "Setting", "Value", "Chosen by"),
        (
            (row["provider_code"], field.upper(), *_cells(effective))
            for row in rows
            for field, effective in row["effective"].items()
        ),
        empty="The catalog has no provider.",
    )


def _cells(effective: Effective) -> tuple[str, str]:
    value = effective["value"]
    return value if isinstance(value, str) else json.dumps(value), effective["source"]


async def _change(
    wanted: Asked, key: str, text: str | None, provider: str | None, out: Output
) -> None:
    async with connected(wanted) as server:
        known = await _definition(server, key)
        value = None if text is None else _value(known, text)
        if provider is None:
            await server.change_global_setting(known["key"], value, value_type=known["value_type"])
        else:
            at = await _provider_id(server, provider)
            await server.change_provider_params(at, {known["key"].lower(): value})
    where = "for all organizations" if provider is None else f"at {provider}"
    done = "is as if never chosen" if value is None else f"is {text}"
    out.say(f"{known['key']} {done}, {where}.")
    out.document({"key": known["key"], "value": value, "provider": provider})


async def _definition(server: AsyncInventiv, key: str) -> SettingDefinition:
    definitions = await server.setting_definitions()
    for known in definitions:
        if known["key"] == key.strip().upper():
            return known
    raise UsageWrong(
        sentence=f"There is no setting {key!r}.",
        advice="These there are: " + ", ".join(known["key"] for known in definitions) + ".",
    )


def _value(known: SettingDefinition, text: str) -> int | bool | str:
    match known["value_type"]:
        case "int" if text.strip().lstrip("-").isdecimal():
            return int(text)
        case "bool" if text.strip().lower() in YES_OR_NO:
            return YES_OR_NO[text.strip().lower()]
        case "text":
            return text
        case _:
            kind = {"int": "a whole number", "bool": "yes or no"}[known["value_type"]]
            raise UsageWrong(sentence=f"{known['key']} is {kind}, and not {text!r}.")


async def _provider_id(server: AsyncInventiv, code: str) -> str:
    providers = await server.providers()
    for provider in providers:
        if provider["code"] == code:
            return provider["id"]
    raise UsageWrong(
        sentence=f"There is no provider {code!r}.",
        advice="These there are: " + ", ".join(known["code"] for known in providers) + ".",
    )


async def _look(wanted: Asked, provider: str, out: Output) -> None:
    async with connected(wanted) as server:
        _show_credentials(await server.credentials(provider), out)


async def _write(wanted: Asked, provider: str, given: Json | None, out: Output) -> None:
    async with connected(wanted) as server:
        fields = given
        if fields is None:
            fields = _asked_for(await server.credentials(provider))
        if not fields:
            raise UsageWrong(sentence="Nothing was given, so nothing is changed.")
        _show_credentials(await server.set_credentials(provider, fields), out)


def _asked_for(known: Credentials) -> Json:
    """Ask for each field; what is left empty stays as it is."""
    answers: Json = {}
    for field in known["fields"]:
        kind = "needed" if field["is_required"] else "optional"
        question = f"{field['name']} ({kind}{', is set' if field['is_set'] else ''})"
        answer: str = typer.prompt(
            question, default="", show_default=False, hide_input=field["is_secret"], err=True
        )
        if answer.strip():
            answers[field["name"]] = answer
    return answers


def _from_stdin() -> Json:
    try:
        return read_object(parsed(sys.stdin.read()))
    except NotUnderstood as wrong:  # its words could repeat what was read
        raise UsageWrong(
            sentence="What was read is not a JSON object of fields.",
            advice='Such as {"project_id": "…", "secret_key": "…"}; null deletes a field.',
        ) from wrong


async def _check(wanted: Asked, provider: str, out: Output) -> None:
    async with connected(wanted) as server:
        checked = await server.check_credentials(provider)
    out.document(checked)
    if checked["outcome"] != "ok":
        raise CommandFailed(sentence=checked["detail"])
    out.say(checked["detail"])


async def _remove(wanted: Asked, provider: str, out: Output) -> None:
    async with connected(wanted) as server:
        _show_credentials(await server.delete_credentials(provider), out)


def _show_credentials(known: Credentials, out: Output) -> None:
    out.table(
        ("Credential", "Needed", "Set", "Ends in", "Changed", "By"),
        (
            (
                field["name"],
                "yes" if field["is_required"] else "no",
                "yes" if field["is_set"] else "no",
                field["last_four"] or "-",
                instant(field["changed_at"]),
                field["changed_by"] or "-",
            )
            for field in known["fields"]
        ),
        empty=f"{known['provider_code']} takes no credentials.",
    )
    if known["missing"]:
        out.say("Still needed: " + ", ".join(known["missing"]) + ".")
    out.document(known)
