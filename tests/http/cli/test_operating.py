"""What operators trigger."""

import pytest

from inventiv_http.cli import operating
from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import COMMAND_ID, INSTANCE_ID, LittleServer, an_instance


def test_a_command_is_waited_for_and_its_result_said(ada: Cli, server: LittleServer) -> None:
    assert ada("reconcile").stdout == "2 instances are looked at.\n"
    assert server.calls.count(f"GET /commands/{COMMAND_ID}") == 2
    assert ada.json("reconcile")["state"] == "done"
    assert "2 instances are looked at." in ada("commands").stdout.replace("\n", " ")
    assert [row["id"] for row in ada.json("commands", "--limit", "3")] == [COMMAND_ID]
    assert server.queries["/commands"] == {"limit": "3"}


def test_before_anything_was_triggered_there_is_nothing(ada: Cli) -> None:
    assert ada("commands").stdout == "Nothing was triggered lately.\n"


def test_a_command_that_failed_is_a_failure(ada: Cli, server: LittleServer) -> None:
    server.command_error = "No provider has answered."
    result = ada("catalog", "sync")
    assert (result.exit_code, "No provider has answered." in result.stderr) == (1, True)


def test_a_command_that_takes_long_is_not_lost(ada: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "PATIENCE_S", 0.0)
    result = ada("reconcile")
    assert result.exit_code == 1
    assert "still waiting" in result.stderr
    assert "inventiv commands" in result.stderr


def test_a_reinstall_is_followed_until_it_serves_again(ada: Cli, server: LittleServer) -> None:
    server.instances[INSTANCE_ID] = an_instance() | {"status": "ready"}
    answer = ada.json("reinstall", INSTANCE_ID)
    assert (answer["instance_id"], answer["status"]) == (INSTANCE_ID, "ready")
    stages = [stage["stage"] for stage in answer["stages"]]
    assert "ready" in stages[1:], stages
    assert f"Instance {INSTANCE_ID} is ready." in ada("reinstall", INSTANCE_ID).stdout


def test_a_reinstall_need_not_be_waited_for(ada: Cli, server: LittleServer) -> None:
    server.instances[INSTANCE_ID] = an_instance() | {"status": "ready"}
    assert ada.json("reinstall", INSTANCE_ID, "--no-wait")["status"] != "ready"


def test_a_reinstall_that_cannot_be_is_refused_in_the_servers_words(
    ada: Cli, server: LittleServer
) -> None:
    server.instances[INSTANCE_ID] = an_instance() | {"status": "terminating"}
    result = ada("reinstall", INSTANCE_ID)
    assert result.exit_code == 1
    assert "cannot be reinstalled" in result.stderr
