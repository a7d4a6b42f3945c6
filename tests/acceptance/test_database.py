"""The database as an operator looks after it: upgraded, copied, put back."""

import json
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from inventiv_adapters.schema.versions import shipped_schema
from tests import postgres
from tests.acceptance.server import INVENTIV, PATIENCE_S, Server, deploy, environment, wait_for

OLDEST = shipped_schema().migrations[0]


@pytest.fixture
def old(postgres_server: str) -> Generator[str]:
    """A database as it was before steps were counted."""
    with postgres.database(postgres_server) as url:
        postgres.run(url, OLDEST.text)
        yield url


def db(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*INVENTIV, "db", *words],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def test_a_server_leaves_an_old_database_to_its_operator(old: str, tmp_path: Path) -> None:
    settings = {
        "INVENTIV_DATABASE_URL": old,
        "INVENTIV_JWT_SECRET": "thirty-two characters, or more than that",
    }
    server = Server(tmp_path / "data", settings)
    server.launch()
    assert server.process is not None
    assert server.process.wait(PATIENCE_S) == 1
    said = server.log.read_text()
    assert OLDEST.name in said
    assert "inventiv db upgrade" in said
    assert "Traceback" not in said

    done = db("check", **settings)
    assert done.returncode == 1, told(done)
    assert OLDEST.name in done.stderr
    done = db("upgrade", "--json", **settings)
    assert done.returncode == 0, told(done)
    assert json.loads(done.stdout)["applied"][0] == OLDEST.name
    done = db("check", **settings)
    assert (done.returncode, done.stdout) == (0, "Up to date.\n"), told(done)
    server.start()
    assert server.stop() == 0


def test_a_server_brings_an_old_database_up_to_date_if_told_to(old: str, tmp_path: Path) -> None:
    settings = {
        "INVENTIV_DATABASE_URL": old,
        "INVENTIV_JWT_SECRET": "thirty-two characters, or more than that",
        "INVENTIV_UPGRADE_DATABASE": "true",
    }
    server = Server(tmp_path / "data", settings).start()
    assert "database_upgraded" in server.log.read_text()
    assert db("check", **settings).returncode == 0
    assert server.stop() == 0


def test_an_empty_database_is_told_from_an_old_one(postgres_server: str) -> None:
    with postgres.database(postgres_server) as url:
        done = db("check", INVENTIV_DATABASE_URL=url)
        assert done.returncode == 1
        assert "empty" in done.stderr
        assert db("upgrade", INVENTIV_DATABASE_URL=url).returncode == 0
        assert db("check", INVENTIV_DATABASE_URL=url).returncode == 0


def test_a_copy_of_a_running_server_brings_everything_back(
    own_server: Server, tmp_path: Path
) -> None:
    copy, here = tmp_path / "copy.dump", str(own_server.data_dir)
    with own_server.client() as client:
        home = client.get("/auth/me").json()["current_organization_id"]
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        books = client.get(f"/action_logs?instance_id={instance_id}").json()
        made = client.post("/organizations", json={"name": "Kept"}).json()
        done = db("dump", str(copy), "--data-dir", here)
        assert done.returncode == 0, told(done)
        assert "credentials-key" in done.stderr
        assert copy.stat().st_mode & 0o777 == 0o600
        client.post("/organizations", json={"name": "Lost"})

    again = db("dump", str(copy), "--data-dir", here)
    assert again.returncode == 1
    assert "--yes" in again.stderr
    done = db("restore", str(copy), "--yes", "--data-dir", here)
    assert done.returncode == 1
    assert "in use" in done.stderr

    assert own_server.stop() == 0
    done = db("restore", str(copy), "--data-dir", here)
    assert done.returncode == 1
    assert "--yes" in done.stderr
    done = db("restore", str(copy), "--yes", "--data-dir", here)
    assert done.returncode == 0, told(done)
    own_server.start()
    with own_server.client() as client:
        names = {organization["name"] for organization in client.get("/organizations").json()}
        assert "Kept" in names
        assert "Lost" not in names
        assert made["id"] in {row["id"] for row in client.get("/organizations").json()}
        home_again = client.put("/organizations/current", json={"organization_id": home})
        assert home_again.status_code == 200, home_again.text
        wait_for(client, instance_id, "ready")
        kept = client.get(f"/action_logs?instance_id={instance_id}").json()
        assert {row["id"] for row in kept} >= {row["id"] for row in books} != set()


def test_a_copy_is_put_where_there_is_nothing(own_server: Server, tmp_path: Path) -> None:
    copy, elsewhere = tmp_path / "copy.dump", Server(tmp_path / "elsewhere")
    with own_server.client() as client:
        client.post("/organizations", json={"name": "Moved"})
    assert db("dump", str(copy), "--data-dir", str(own_server.data_dir)).returncode == 0
    assert own_server.stop() == 0
    done = db("restore", str(copy), "--data-dir", str(elsewhere.data_dir), "--json")
    assert done.returncode == 0, told(done)
    assert json.loads(done.stdout)["data_dir"] == str(elsewhere.data_dir)
    elsewhere.start()
    with elsewhere.client() as client:
        assert "Moved" in {row["name"] for row in client.get("/organizations").json()}
    assert elsewhere.stop() == 0


def test_what_is_no_copy_changes_nothing(own_server: Server, tmp_path: Path) -> None:
    copy, here = tmp_path / "copy.dump", str(own_server.data_dir)
    assert db("dump", str(copy), "--data-dir", here).returncode == 0
    assert own_server.stop() == 0
    broken = tmp_path / "broken.dump"
    broken.write_bytes(copy.read_bytes()[: copy.stat().st_size * 3 // 4])
    for file in (broken, tmp_path / "absent", Path(__file__)):
        done = db("restore", str(file), "--yes", "--data-dir", here)
        assert done.returncode == 1, told(done)
        assert "Traceback" not in told(done)
    own_server.start()
    with own_server.client() as client:
        assert client.get("/auth/me").status_code == 200


def test_only_the_embedded_database_is_copied(tmp_path: Path) -> None:
    done = db("dump", str(tmp_path / "copy"), INVENTIV_DATABASE_URL="postgresql:///elsewhere")
    assert done.returncode == 1
    assert "pg_dump" in done.stderr
    done = db("dump", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "There is no database" in done.stderr
    assert not (tmp_path / "nothing").exists()
