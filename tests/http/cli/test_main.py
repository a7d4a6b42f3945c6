"""The entry point: what is installed, and how commands end."""

import os
import subprocess
import sys
from importlib.metadata import version
from types import ModuleType
from typing import Annotated, Any

import pytest
import typer

from inventiv_http.cli import main
from tests.http.cli.conftest import Cli

SERVER_ONLY = sorted(main.SERVER_PACKAGES | {"inventiv_adapters", "inventiv_core"})

ONLY_SOMETIMES = (
    "aiohttp", "aiosmtplib", "bcrypt", "cryptography", "email.headerregistry", "httpx",
    "inventiv_adapters.memory", "inventiv_http.client", "litestar.plugins.attrs",
    "litestar.plugins.pydantic", "platformdirs", "pydantic", "redis", "rich", "sqlite3", "typer",
)  # fmt: skip


def a_module(name: str, **attributes: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(attributes)
    return module


def serve(*, port: Annotated[int, typer.Option("--port")] = 8003) -> None:
    """Serve for real."""
    typer.echo(f"port {port}")


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"inventiv {version('inventiv')}\n"


def test_every_command_explains_itself(cli: Cli) -> None:
    overview = cli("--help")
    assert overview.exit_code == 0
    clients = (
        "login logout keys passwd users organizations members invite "
        "models types fit instances logs deploy chat terminate demo catalog settings credentials"
    )
    for command in clients.split():
        assert f" {command} " in overview.stdout
        assert cli(command, "-h").exit_code == 0


def test_an_unknown_command_is_a_matter_of_usage(cli: Cli) -> None:
    result = cli("deplot")
    assert result.exit_code == 2
    assert "deploy" in result.stderr


def test_the_client_needs_nothing_of_the_server() -> None:
    code = (
        "import sys, inventiv_http.cli.clients, inventiv_http.cli.main\n"
        f"print([name for name in {SERVER_ONLY} if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 — our own words
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"


def test_a_server_carries_nothing_that_only_some_settings_need() -> None:
    code = (
        "import sys; from inventiv_http.__main__ import import_lean; import_lean()\n"
        "from dependency_injector.providers import Object\n"
        "from inventiv_http.app import create_app\n"
        "from inventiv_http.container import Application, PostgresAdapters\n"
        "from inventiv_http.settings import Settings\n"
        "settings = Settings(jwt_secret='for tests only', database_url='postgresql:///nowhere')\n"
        "create_app(Application(adapters=PostgresAdapters(settings=Object(settings))))\n"
        "import inventiv_http.server, inventiv_http.worker\n"
        f"print([name for name in {ONLY_SOMETIMES} if name in sys.modules])\n"
        "import cryptography, pydantic, rich; print('there all the same')"
    )
    done = subprocess.run(  # noqa: S603 — our own words
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\nthere all the same\n"


@pytest.mark.parametrize("program", ["serve", "orchestrate"])
def test_a_server_that_cannot_start_says_so_in_a_sentence(program: str) -> None:
    done = subprocess.run(  # noqa: S603 — our own words
        [sys.executable, "-m", "inventiv_http", program],
        env={**os.environ, "INVENTIV_PORT": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: INVENTIV_PORT")


def test_options_are_settings_of_the_server(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    became: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(
        "os.execve", lambda program, words, environment: became.append((words, environment))
    )
    monkeypatch.setenv("INVENTIV_PORT", "1")
    monkeypatch.setenv("INVENTIV_WORKERS", "3")
    cli("serve", "--port", "2", "--data-dir", "here")
    [(words, environment)] = became
    assert words == [sys.executable, "-m", "inventiv_http", "serve"]
    assert environment["INVENTIV_PORT"] == "2"
    assert environment["INVENTIV_WORKERS"] == "3"
    assert environment["INVENTIV_DATA_DIR"] == "here"
    assert "INVENTIV_HOST" not in environment


@pytest.mark.parametrize(
    "name", ["serve", "orchestrate", "mock", "db", "secrets", "reset-password", "environment"]
)
@pytest.mark.parametrize("missing", ["litestar", "psycopg.rows"])
def test_a_missing_server_says_what_to_install(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, missing: str
) -> None:
    def not_found(module: str) -> ModuleType:
        raise ModuleNotFoundError(name=missing)

    monkeypatch.setattr("importlib.import_module", not_found)
    result = cli(name, "machines", "--port", "1")
    assert result.exit_code == 1
    assert 'pip install "inventiv[embedded]"' in result.stderr
    assert cli("--help").exit_code == 0


def test_a_client_alone_becomes_no_server(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "find_spec", lambda name: None)
    result = cli("serve")
    assert result.exit_code == 1
    assert 'pip install "inventiv[embedded]"' in result.stderr


def test_a_defect_of_the_server_is_not_taken_for_its_absence(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_found(module: str) -> ModuleType:
        raise ModuleNotFoundError(name="inventiv_http.asgy")

    monkeypatch.setattr("importlib.import_module", not_found)
    assert isinstance(cli("serve").exception, ModuleNotFoundError)


def test_the_server_side_is_loaded_when_called_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock = typer.Typer()
    mock.command("machines")(lambda: typer.echo("mocking"))
    modules = {
        "inventiv_http.cli.serve": a_module("serve", serve=serve),
        "inventiv_http.cli.mock": a_module("mock", app=mock),
    }
    monkeypatch.setattr("importlib.import_module", modules.__getitem__)

    assert "Serve for real." in cli("serve", "--help").stdout
    assert cli("serve", "--port", "1").stdout == "port 1\n"
    assert cli("mock", "machines").stdout == "mocking\n"


def test_ctrl_c_at_a_question(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*words: object, **options: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.prompt", interrupted)
    result = cli("login", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"
