"""Credentials are encrypted, and their keys can be changed, beside servers that run."""

import json
import subprocess
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_core.kernel.secrets import SealedSecret, SealKeyId, Secret
from tests import postgres
from tests.acceptance.server import INVENTIV, PATIENCE_S, Server, environment

OLD, NEW = "the old key of this installation", "the new key of this installation"
SECRETS = {"project_id": "the-project", "secret_key": "the-secret-key-itself"}
ROWS = """
    SELECT organization_id, provider_id, field, key_id, sealed FROM provider_credentials
    ORDER BY field
"""


@pytest.fixture
def database(postgres_server: str) -> Generator[str]:
    with postgres.database(postgres_server) as url:
        yield url


def settings(database: str, *keys: str, **more: str) -> dict[str, str]:
    shared = {
        "DATABASE_URL": database,
        "JWT_SECRET": "the same long secret for every process",
        "INVENTIV_ADMIN_PASSWORD": "chosen by the operator",
        **more,
    }
    return shared | ({"INVENTIV_SECRETS_KEY": ",".join(keys)} if keys else {})


def rotate(tmp_path: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run ``inventiv secrets rotate``, in an environment of its own."""
    return subprocess.run(  # noqa: S603 - our own command
        [*INVENTIV, "secrets", "rotate", *words],
        env=environment(INVENTIV_DATA_DIR=str(tmp_path / "elsewhere"), **settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def opened(database: str, *keys: str) -> dict[str, str]:
    """Return what the database holds, opened with these keys."""
    box = AesSecretBox([Secret(key) for key in keys])
    return {
        field: box.open(
            SealedSecret(key_id=SealKeyId(key_id), data=bytes(sealed)),
            place=f"credential:{organization}:{provider}:{field}",
        ).reveal()
        for organization, provider, field, key_id, sealed in postgres.rows(database, ROWS)
    }


def seeds(**more: str) -> dict[str, str]:
    return {
        "AUTO_SEED_PROVIDER_CREDENTIALS": "true",
        "SCALEWAY_PROJECT_ID": SECRETS["project_id"],
        "SCW_SECRET_KEY": SECRETS["secret_key"],
        **more,
    }


def test_a_key_is_changed_while_the_server_runs(database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = Server(tmp_path / "data", settings(database, OLD, **seeds())).start()
        stack.callback(server.stop)
        assert opened(database, OLD) == SECRETS, "the environment brings them along"

        done = rotate(tmp_path, "--json", **settings(database, NEW, OLD))
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        assert (answer["resealed"], answer["unreadable"]) == (2, 0)
        assert opened(database, NEW) == SECRETS
        assert "0 credentials" in rotate(tmp_path, **settings(database, NEW)).stdout

        with server.client() as client:  # it has the old key only
            shown = client.get("/providers/scaleway/credentials").json()
            assert shown["is_configured"] is True
            again = client.put("/providers/scaleway/credentials", json=SECRETS)
            assert again.status_code == 200, again.text
            tested = client.post("/providers/scaleway/credentials/test").json()
            assert tested["outcome"] == "denied", "it was read: no project has such an id"
        assert opened(database, OLD) == SECRETS
        said = rotate(tmp_path, **settings(database, NEW))
        assert said.returncode == 1
        assert "None of the keys opens 2 credentials" in said.stderr
        assert "2 credentials" in rotate(tmp_path, **settings(database, NEW, OLD)).stdout
        assert opened(database, NEW) == SECRETS
        for text in SECRETS.values():
            assert text not in server.log.read_text() + done.stdout + done.stderr


def test_a_rotation_without_a_key_says_what_to_set(database: str, tmp_path: Path) -> None:
    said = rotate(tmp_path, **settings(database))
    assert said.returncode == 1
    assert "INVENTIV_SECRETS_KEY" in said.stderr
    assert "Traceback" not in said.stderr
    said = rotate(tmp_path, **settings(database, "short"))
    assert "too short" in said.stderr


def test_a_server_without_a_key_serves_and_refuses_credentials(
    database: str, tmp_path: Path
) -> None:
    server = Server(tmp_path / "data", settings(database)).start()
    try:
        with server.client() as client:
            refused = client.put("/providers/scaleway/credentials", json=SECRETS)
            assert refused.status_code == 422
            assert "INVENTIV_SECRETS_KEY" in refused.json()["detail"]
    finally:
        assert server.stop() == 0


def test_on_one_machine_a_key_is_drawn_and_kept(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    with server.client() as client:
        answer = client.put("/providers/scaleway/credentials", json=SECRETS)
        assert answer.status_code == 200, answer.text
    assert "in use by another server" in server.run("secrets", "rotate").stderr
    assert server.stop() == 0
    kept = server.data_dir / "credentials-key"
    assert kept.stat().st_mode & 0o077 == 0
    rotated = subprocess.run(  # noqa: S603 - our own command
        [*INVENTIV, "secrets", "rotate"],
        env=environment(INVENTIV_DATA_DIR=str(server.data_dir), INVENTIV_SECRETS_KEY=NEW),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "2 credentials" in rotated.stdout, rotated.stderr


@pytest.mark.parametrize("missing", ["SCALEWAY_PROJECT_ID", "SCW_SECRET_KEY"])
def test_half_a_seed_stops_the_start(tmp_path: Path, missing: str) -> None:
    half = {name: value for name, value in seeds().items() if name != missing}
    server = Server(tmp_path / "data", half)
    server.launch()
    assert server.process is not None
    assert server.process.wait(PATIENCE_S) == 1
    said = server.log.read_text()
    assert "only a part of it is there" in said
    assert "Traceback" not in said
    assert not any(secret in said for secret in SECRETS.values())
