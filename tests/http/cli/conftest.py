"""The real command line, a little server, and a home directory of its own."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from inventiv_http.cli import demo, following, operating, session
from inventiv_http.cli.main import app
from inventiv_http.client import Patience
from tests.http.cli.little_server import TOKEN, LittleServer

NO_ENVIRONMENT = {
    f"INVENTIV_{name}": None for name in ("URL", "USERNAME", "PASSWORD", "DATA_DIR")
} | {"NO_COLOR": "1", "TERM": "dumb"}


@dataclass(frozen=True)
class Cli:
    """Runs commands in a home directory of their own."""

    config: Path
    data: Path

    @property
    def session_file(self) -> Path:
        return self.config / "session.json"

    def __call__(self, *words: str, keys: str = "", env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(
            app, list(words), input=keys, env={**NO_ENVIRONMENT, **(env or {})}
        )

    def json(self, *words: str) -> Any:
        """Run a command that must work, and read what it answers a program."""
        result = self(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def signed_in(self, url: str, token: str = TOKEN) -> None:
        self.config.mkdir(exist_ok=True)
        self.session_file.write_text(json.dumps({"url": url, "token": token}))

    def serving_here(self, url: str, token: str = TOKEN, folder: Path | None = None) -> None:
        """Leave what `inventiv serve` leaves while it runs."""
        folder = folder or self.data
        folder.mkdir(exist_ok=True)
        (folder / "client.json").write_text(json.dumps({"url": url, "token": token}))


@pytest.fixture
def server() -> Generator[LittleServer]:
    with LittleServer().running() as server:
        yield server


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Nobody is signed in, and nothing waits."""
    config, data = tmp_path / "config", tmp_path / "data"
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: config)
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: data)
    monkeypatch.setattr(
        session, "PATIENCE", Patience(retry_pauses_s=(0, 0), reconnect_pauses_s=(0, 0))
    )
    # It would be the standard error of a command, for as long as this process lives.
    monkeypatch.setattr("inventiv_http.starting.set_up", lambda: None)
    monkeypatch.setattr(demo, "ROUTED_PAUSE_S", 0.0)
    monkeypatch.setattr(operating, "POLL_S", 0.0)
    # Long enough that a test which relies on it is seen to: events are what drives.
    monkeypatch.setattr(following, "POLL_S", 20.0)
    return Cli(config=config, data=data)


@pytest.fixture
def ada(cli: Cli, server: LittleServer) -> Cli:
    """The command line, signed in to the little server."""
    cli.signed_in(server.url)
    return cli
