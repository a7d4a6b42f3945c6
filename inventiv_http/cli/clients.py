"""The commands that talk to a server, and where each stands in the help."""

from collections.abc import Callable

import typer

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

app = typer.Typer()


def _register() -> None:
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


_register()
