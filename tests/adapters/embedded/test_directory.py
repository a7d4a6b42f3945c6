"""The data directory."""

import subprocess
import sys
from pathlib import Path
from stat import S_IMODE

import pytest

from inventiv_adapters.embedded.directory import DataDirectory, DataDirectoryUnusable

HOLDER = """
import sys
from pathlib import Path
from inventiv_adapters.embedded.directory import DataDirectory
with DataDirectory(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_private_directory_is_made_where_there_is_none(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "here" / "and" / "there") as directory:
        assert directory.path == tmp_path / "here" / "and" / "there"
        assert S_IMODE(directory.path.stat().st_mode) == 0o700


def test_one_server_at_a_time_may_use_it(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        for _ in range(2):
            with (
                pytest.raises(DataDirectoryUnusable, match="in use by another server"),
                DataDirectory(tmp_path),
            ):
                pass
    with DataDirectory(tmp_path), DataDirectory(tmp_path / "another"):
        pass


def test_those_who_share_it_let_each_other_in_and_nobody_else(tmp_path: Path) -> None:
    with (
        DataDirectory(tmp_path, shared=True),
        DataDirectory(tmp_path, shared=True),
        pytest.raises(DataDirectoryUnusable, match="in use"),
        DataDirectory(tmp_path),
    ):
        pass
    with (
        DataDirectory(tmp_path),
        pytest.raises(DataDirectoryUnusable),
        DataDirectory(tmp_path, shared=True),
    ):
        pass


def test_whoever_was_refused_takes_nothing_away(tmp_path: Path) -> None:
    refused = DataDirectory(tmp_path)
    with DataDirectory(tmp_path):
        with pytest.raises(DataDirectoryUnusable):
            refused.__enter__()
        refused.__exit__(None, None, None)
        with pytest.raises(DataDirectoryUnusable), DataDirectory(tmp_path):
            pass


def test_the_lock_ends_with_the_process_however_that_ends(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - it is us
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirectoryUnusable), DataDirectory(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with DataDirectory(tmp_path):
            pass


@pytest.mark.parametrize("below", ["", "below", "far/below"])
def test_what_is_no_directory_cannot_be_used(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    with (
        pytest.raises(DataDirectoryUnusable, match=r"cannot be written to .*--data-dir"),
        DataDirectory(file / below),
    ):
        pass


def test_a_directory_without_a_lock_file_of_ours_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(DataDirectoryUnusable), DataDirectory(tmp_path):
        pass


def test_a_secret_is_drawn_once(tmp_path: Path) -> None:
    secrets = set()
    for _ in range(2):
        with DataDirectory(tmp_path / "one") as directory:
            secrets |= {directory.secret(), directory.secret()}
    with DataDirectory(tmp_path / "other") as directory:
        other = directory.secret()
    assert len(secrets) == 1
    assert secrets != {other}
    assert len(other) == 64


def test_what_is_secret_is_its_owners_only(tmp_path: Path) -> None:
    with DataDirectory(tmp_path) as directory:
        directory.secret()
        directory.write_private("client.json", "{}")
        files = {file.name: S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert files == {"lock": 0o600, "secret-key": 0o600, "client.json": 0o600}


def test_a_private_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    with DataDirectory(tmp_path) as directory:
        directory.write_private("note", "a long text that was there before")
        with (tmp_path / "note").open() as reader:
            file = directory.write_private("note", "short")
            assert reader.read() == "a long text that was there before"
    assert (file, file.read_text()) == (tmp_path / "note", "short")
    assert sorted(other.name for other in tmp_path.iterdir()) == ["lock", "note"]


def test_the_leftover_of_a_crash_is_no_obstacle_and_no_leak(tmp_path: Path) -> None:
    leftover = tmp_path / ".secret-key.new"
    leftover.write_text("half a secret, and longer than a whole one" * 3)
    leftover.chmod(0o644)
    with DataDirectory(tmp_path) as directory:
        assert len(directory.secret()) == 64
    assert S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
