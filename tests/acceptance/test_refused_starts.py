"""A server that cannot start says why, and what to do, in a sentence."""

import socket
from pathlib import Path

import pytest

from tests.acceptance.server import PATIENCE_S, Server


def refusal(server: Server) -> str:
    """Start a server that must not start; return what it says."""
    server.launch()
    assert server.process is not None
    code = server.process.wait(PATIENCE_S)
    said = server.log.read_text()
    assert code == 1, said
    assert "Traceback" not in said
    return said


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(Server(tmp_path / "data", port=port))
    assert str(port) in said
    assert "--port" in said


def test_a_data_directory_in_use(server: Server, tmp_path: Path) -> None:
    said = refusal(Server(server.data_dir, log_file=tmp_path / "log"))
    assert "in use" in said
    assert (server.data_dir / "client.json").exists()


def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    said = refusal(Server(tmp_path / "file" / "data", log_file=tmp_path / "log"))
    assert "cannot be written to" in said


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"INVENTIV_PROT": "8004"}, "Did you mean INVENTIV_PORT?"),
        ({"INVENTIV_MOCK_FAULTS": "bad_luck=1"}, "create_lost"),
        ({"INVENTIV_SWEEP_INTERVAL_S": "soon"}, "INVENTIV_SWEEP_INTERVAL_S"),
        ({"INVENTIV_DATABASE_URL": "postgresql:///x"}, "INVENTIV_JWT_SECRET"),
        (
            {
                "INVENTIV_DATABASE_URL": "postgresql://127.0.0.1:1/x",
                "INVENTIV_JWT_SECRET": "thirty-two characters, or more than that",
            },
            "INVENTIV_DATABASE_URL",
        ),
        ({"INVENTIV_DATABASE_DIRECT_URL": "postgresql:///x"}, "INVENTIV_DATABASE_URL, which"),
        ({"INVENTIV_WORKERS": "2"}, "INVENTIV_REDIS_URL"),
        (
            {
                "INVENTIV_WORKERS": "2",
                "INVENTIV_REDIS_URL": "redis://127.0.0.1:1",
                "INVENTIV_METRICS_TOKEN": "a token that is long enough",
            },
            "INVENTIV_METRICS_PORT",
        ),
        ({"DEFAULT_ADMIN_PASSWORD_FILE": "/nowhere/at/all"}, "/nowhere/at/all"),
    ],
)
def test_a_setting_that_is_wrong(tmp_path: Path, settings: dict[str, str], hint: str) -> None:
    assert hint in refusal(Server(tmp_path / "data", settings))
