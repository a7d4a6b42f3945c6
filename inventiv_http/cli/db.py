"""``inventiv db``: the schema of the database, and its backups."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.options import AsJson
from inventiv_http.cli.output import Bar, Output
from inventiv_http.cli.serve import DataDir
from inventiv_http.container import (
    DataDirectory,
    DataDirectoryUnusable,
    EmbeddedPostgres,
    SchemaState,
    count_tables,
    look_at_schema,
    replacement,
    restore_database,
    shipped_schema,
    steps_in,
    tables_in,
    upgrade_schema,
    write_dump,
)
from inventiv_http.settings import Settings
from inventiv_http.starting import read_settings, run_work, sentences, with_database

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file that holds the copy.")]
Yes = Annotated[bool, typer.Option("--yes", help="Overwrite what is there.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def db() -> None:
    """Look after the database: the one of the settings or, without one, the embedded one."""


@app.command()
def upgrade(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring the database up to date, step by step, while servers run.

    A step that does not get its locks within two seconds stands back and is tried again, for
    two minutes. Any number may run this: one works, the others wait.
    """
    output = Output(as_json)
    with sentences(), reached(_settings(data_dir)) as url:
        taken = run_work(
            upgrade_schema(url, shipped_schema(), told=lambda step: output.note(f"{step} …"))
        )
    output.document({"applied": list(taken)})
    output.say("Up to date." if taken else "There was nothing to do.")


@app.command()
def check(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say whether the database is up to date; exits with 1 if it is not. Nothing is changed."""
    output = Output(as_json)
    with sentences(), reached(_settings(data_dir)) as url:
        state = run_work(look_at_schema(url, shipped_schema()))
    output.document(
        {
            "is_current": state.is_current,
            "is_empty": state.is_empty,
            "missing": list(state.missing),
            "unknown": list(state.unknown),
        }
    )
    if state.unknown:
        output.note(f"A newer version has been here: {', '.join(state.unknown)}.")
    if state.is_empty:
        raise CommandFailed(
            sentence="The database is empty.",
            advice="`inventiv db upgrade` makes its tables, and so does the first start.",
        )
    if state.missing:
        raise CommandFailed(
            sentence=f"Missing: {', '.join(state.missing)}.",
            advice="`inventiv db upgrade` brings the database up to date.",
        )
    output.say("Up to date.")


@app.command()
def dump(
    *, file: File, yes: Yes = False, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Copy the embedded database into FILE, as it is at this moment; its server may run.

    FILE is an archive of pg_dump: pg_restore can also put it into any other PostgreSQL.
    """
    output, settings = Output(as_json), _embedded(data_dir)
    if file.exists() and not yes:
        raise CommandFailed(sentence=f"{file} exists already.", advice="--yes overwrites it.")
    with (
        sentences(),
        reached(settings) as url,
        _tables(output, run_work(count_tables(url))) as told,
    ):
        write_dump(url, file, told=told)
    size = file.stat().st_size
    output.document({"file": str(file), "bytes": size})
    output.say(f"{file} holds the database: {size:,} bytes.")
    output.note(
        "What encrypts credentials, and signs sessions, is not in it: keep the files "
        f"credentials-key and secret-key of {settings.data_dir}, too, in another place."
    )


@app.command()
def restore(
    *, file: File, yes: Yes = False, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Put the embedded database back to what FILE holds. Stop its server first.

    All that is there now is lost, unless something goes wrong: then it stays as it is. A copy
    that an older version has made is brought up to date.
    """
    output, settings = Output(as_json), _embedded(data_dir)
    schema = shipped_schema()
    with sentences(), ExitStack() as stack:
        steps = steps_in(file)
        newer = sorted(steps - {step.name for step in schema.migrations})
        if newer:
            raise CommandFailed(
                sentence=f"A newer version of Inventiv has made {file}: {', '.join(newer)}.",
                advice="Install that version, and restore with it.",
            )
        path = Path(settings.data_dir or "").expanduser().resolve()
        url = _started(settings, path, stack)
        state: SchemaState = run_work(look_at_schema(url, schema))
        if not state.is_empty and not yes:
            raise CommandFailed(
                sentence=f"There is a database in {path}.",
                advice="--yes replaces it by what is in the file, and what is there now is lost.",
            )
        with _tables(output, tables_in(file)) as told:
            run_work(_restore(url, file, told))
    output.document({"file": str(file), "data_dir": str(path)})
    output.say(f"The database in {path} is what {file} holds.")


async def _restore(url: str, file: Path, told: Callable[[str], None]) -> None:
    async with replacement(url) as place:
        await asyncio.to_thread(restore_database, place, file, told=told)
        await upgrade_schema(place, shipped_schema())


@contextmanager
def _tables(output: Output, number: int) -> Generator[Callable[[str], None]]:
    """Show how far it is, by how many tables are done."""
    with output.progress() as progress:
        bar, done = Bar(progress), 0

        def told(table: str) -> None:
            nonlocal done
            bar.show(table, min(99, 100 * done // number) if number else None)
            done += 1

        yield told
        bar.show("done", 100)


def _embedded(data_dir: Path | None) -> Settings:
    settings = _settings(data_dir)
    if settings.database_url is not None:
        raise CommandFailed(
            sentence="INVENTIV_DATABASE_URL names a database that is not ours to copy.",
            advice="Use what its PostgreSQL brings: pg_dump and pg_restore, or its provider's.",
        )
    return settings


@contextmanager
def reached(settings: Settings) -> Generator[str]:
    """Yield where the database is. The embedded one is that of a running server, or started."""
    if settings.listening_url is not None:
        yield settings.listening_url
        return
    path = Path(settings.data_dir or "").expanduser().resolve()
    if not (path / "postgres" / "PG_VERSION").exists():
        raise CommandFailed(
            sentence=f"There is no database in {path}.",
            advice="`inventiv serve` makes one; --data-dir and INVENTIV_DATABASE_URL say where.",
        )
    with ExitStack() as stack:
        yield _running(path) or _started(settings, path, stack)


def _running(path: Path) -> str | None:
    """Return where the database of a running server is; ``None`` if none runs."""
    try:
        with DataDirectory(path):
            return None
    except DataDirectoryUnusable:
        return EmbeddedPostgres.found(path / "postgres")


def _started(settings: Settings, path: Path, stack: ExitStack) -> str:
    directory = stack.enter_context(DataDirectory(path))
    return with_database(settings, directory, stack).database_url or ""


def _settings(data_dir: Path | None) -> Settings:
    return read_settings({"data_dir": None if data_dir is None else str(data_dir)})
