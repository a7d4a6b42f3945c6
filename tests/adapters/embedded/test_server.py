"""The embedded PostgreSQL."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from inventiv_adapters.embedded.directory import DataDirectoryUnusable
from inventiv_adapters.embedded.server import EmbeddedPostgres

STARTER = """
import sys
from pathlib import Path
from inventiv_adapters.embedded.server import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


def started_at(url: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
    assert row is not None
    return row[0]


def test_a_server_outlives_a_crash_and_is_stopped_in_the_end(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    with subprocess.Popen(  # noqa: S603 - it is us
        [sys.executable, "-c", STARTER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        url = starter.stdout.readline().decode().strip()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
        first = started_at(url)
        starter.kill()

    with EmbeddedPostgres(directory) as found:
        assert found.url == url
        assert started_at(found.url) == first
    with pytest.raises(psycopg.OperationalError):
        started_at(url)

    with EmbeddedPostgres(directory) as again, psycopg.connect(again.url) as connection:
        assert started_at(again.url) != first
        assert connection.execute("SELECT number FROM kept").fetchone() == (42,)
        listening = connection.execute("SHOW listen_addresses").fetchone()
        assert listening == ("",)  # nobody can reach it over the network
    with pytest.raises(psycopg.OperationalError):
        started_at(url)


@pytest.mark.parametrize("below", ["", "below", "far/below"])
def test_a_server_that_cannot_be_started_says_so(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    with (
        pytest.raises(DataDirectoryUnusable, match="could not be started in"),
        EmbeddedPostgres(file / below),
    ):
        pass
