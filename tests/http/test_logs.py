"""What the server writes about itself."""

import json
import logging
from collections.abc import Generator
from pathlib import Path

import pytest
import structlog

from inventiv_http.logs import set_up
from tests.disk import files_of_at_most


@pytest.fixture(autouse=True)
def restored() -> Generator[None]:
    """Leave the logs as they were."""
    level = logging.getLogger("httpx").level
    yield
    structlog.reset_defaults()
    logging.getLogger("httpx").setLevel(level)


def test_a_line_is_one_json_object_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().warning("something_happened", number=7)
    output = capsys.readouterr()
    line = json.loads(output.err)
    assert output.out == ""
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "something_happened",
        "level": "warning",
        "number": 7,
        "request_id": "r-1",
    }


def test_a_traceback_does_not_show_the_values_of_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up()

    def fail(password: str) -> None:
        raise ValueError(len(password))

    with pytest.raises(ValueError, match="7") as failed:
        fail("hunter" + "2")
    structlog.get_logger().error("failed", exc_info=failed.value)
    line = capsys.readouterr().err
    assert "ValueError: 7" in json.loads(line)["exception"]
    assert "hunter2" not in line


def test_debugging_is_silent_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    structlog.get_logger().debug("detail")
    set_up(logging.DEBUG)
    structlog.get_logger().debug("shown")
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "shown"


def test_the_http_client_does_not_log_every_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    set_up()
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


def test_a_full_disk_ends_nothing_and_what_is_missing_is_told_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "log"
    with file.open("w", buffering=1) as disk:
        monkeypatch.setattr("sys.stderr", disk)
        set_up()
        logger = structlog.get_logger()
        logger.warning("there is room")
        with files_of_at_most(file.stat().st_size):
            logger.warning("there is none")
            logger.warning("there is still none")
        logger.warning("there is room again")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert events[0]["event"] == "there is room"
    assert events[-2:] == [{"event": "lines_lost", "lines": 2}, events[-1]]
    assert events[-1]["event"] == "there is room again"
