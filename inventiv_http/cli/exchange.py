"""`inventiv catalog`: the catalog as a file, and its sync with the providers."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer
import yaml

from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.cli.operating import carried_out
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import CatalogChange, CatalogSynced, Json
from inventiv_http.client.reading import read_row

JSON: Final = ".json"
FORMATS: Final = frozenset({JSON, ".yaml", ".yml"})

app = typer.Typer(
    name="catalog",
    no_args_is_help=True,
    help="The whole catalog: as a file, and in step with the providers.",
)


@app.command("export")
def export(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Where to: .yaml or .json; else the terminal."),
    ] = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Write everything in the catalog: providers, regions, zones, types, prices."""
    run(_export(asked(url, username, password), file, Output(as_json)))


@app.command("import")
def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .yaml or .json file.")],
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Have in the catalog what a file says. What it does not name stays as it is.

    All of it, or, if there is a mistake, nothing. To import the same again changes nothing.
    """
    run(_import(asked(url, username, password), file, Output(as_json)))


@app.command("sync")
def sync(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Ask the providers what they have, and at what price.

    What is new is added switched off; what is gone is marked as sold out.
    """
    run(_sync(asked(url, username, password), Output(as_json)))


async def _export(wanted: Asked, file: Path | None, out: Output) -> None:
    if file is not None:
        _must_be_known(file)
    async with connected(wanted) as server:
        catalog = await server.export_catalog()
    if file is None:
        out.document(catalog)
        out.piece(_written(catalog, ".yaml"))
        return
    _write(file, _written(catalog, file.suffix))
    out.say(f"The catalog is in {file}.")
    out.document({"file": str(file)})


async def _import(wanted: Asked, file: Path, out: Output) -> None:
    catalog = _read(file)
    async with connected(wanted) as server:
        changes = (await server.import_catalog(catalog))["changes"]
    _show(changes, out)
    out.document({"changes": changes})


async def _sync(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        command = await carried_out(server, await server.sync_catalog(), out)
    synced = read_row(CatalogSynced, command["result"])
    out.say(synced["message"])
    _show([change for one in synced["providers"] for change in one["changes"]], out)
    out.document(synced)


def _show(changes: list[CatalogChange], out: Output) -> None:
    out.table(
        ("What", "Entry", "Code", "Now"),
        (
            (change["action"], change["entry"], change["code"], _words(change["after"]))
            for change in changes
        ),
        empty="Nothing has changed.",
    )


def _words(values: Json) -> str:
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in values.items())


def _must_be_known(file: Path) -> None:
    if file.suffix not in FORMATS:
        raise UsageWrong(sentence=f"{file} is neither a .yaml nor a .json file.")


def _written(catalog: Json, suffix: str) -> str:
    if suffix == JSON:
        return json.dumps(catalog, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(catalog, sort_keys=False, allow_unicode=True)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(sentence=f"{file} cannot be written: {error.strerror}.") from error


def _read(file: Path) -> Json:
    """Understand a file; what YAML can say and JSON cannot is a mistake, too."""
    _must_be_known(file)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(sentence=f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(sentence=f"{file} is not text in UTF-8.") from error
    try:
        catalog: Any = json.loads(text) if file.suffix == JSON else yaml.safe_load(text)
        json.dumps(catalog, allow_nan=False)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise CommandFailed(sentence=f"{file} is not YAML:{place} {error.problem}.") from error
    except (ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise CommandFailed(sentence=f"{file} cannot be understood: {error}.") from error
    if not isinstance(catalog, dict):
        raise CommandFailed(sentence=f"{file} holds no catalog: it begins with `providers:`.")
    return cast("Json", catalog)
