"""The demo: from nothing to an answer, and back to nothing, however it ends."""

import pytest

from inventiv_http.cli import following
from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import (
    INSTANCE_ID,
    PASSWORD,
    STAGES,
    TOKEN,
    LittleServer,
)

DELETE = f"DELETE /instances/{INSTANCE_ID}"


def test_the_demo_tells_its_story(ada: Cli, server: LittleServer) -> None:
    result = ada("demo")

    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    told = [
        "mock-echo-model on mock / local / mock-local-instance",
        INSTANCE_ID,
        *(f"→ {stage}" for stage in STAGES),
        "> Hello!",
        "Hello you",
        "2 tokens · first after",
        "Cost so far: €0.0125 at €0.5000/h",
        "→ terminating",
        "✓ Entered terminated (12 ms)",
        "Machine given back",
    ]
    places = [result.stdout.find(words) for words in told]
    assert -1 not in places
    assert places == sorted(places)
    assert result.stdout.count("Entered booting") == 1
    assert TOKEN not in result.output


def test_the_demo_for_a_program(ada: Cli, server: LittleServer) -> None:
    answer = ada.json("demo")

    assert answer["instance_id"] == INSTANCE_ID
    stages = [stage["stage"] for stage in answer["stages"]]
    assert stages == [*STAGES, "terminating", "terminated"]
    seconds = [stage["seconds"] for stage in answer["stages"]]
    assert seconds == sorted(seconds)
    assert answer["text"] == "Hello you"
    assert answer["prompt_tokens"] == 7
    assert answer["completion_tokens"] == 2
    assert 0 < answer["time_to_first_token_s"] <= answer["duration_s"]
    assert answer["total_cost"] == 0.0125
    assert answer["terminated"] is True
    assert server.bodies["/v1/chat/completions"]["stream_options"] == {"include_usage": True}


def test_the_demo_signs_in_and_out(cli: Cli, server: LittleServer) -> None:
    result = cli("demo", "--url", server.url, "--username", "ada", "--password", PASSWORD)
    assert result.exit_code == 0
    assert server.calls[0] == "POST /auth/login"
    assert server.calls[-1] == "POST /auth/logout"


def test_the_machine_may_be_kept(ada: Cli, server: LittleServer) -> None:
    assert ada.json("demo", "--keep")["terminated"] is False
    assert DELETE not in server.calls


def test_a_gateway_that_does_not_know_yet_is_asked_again(ada: Cli, server: LittleServer) -> None:
    server.not_routed_yet = 3
    assert ada("demo").exit_code == 0
    assert server.calls.count("POST /v1/chat/completions") == 4


@pytest.mark.parametrize("status", ["failed", "startup_failed", "provisioning_failed"])
def test_a_machine_that_fails_ends_the_demo(ada: Cli, server: LittleServer, status: str) -> None:
    server.coming = ["booting", status]
    result = ada("demo", "--json")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"Terminating instance {INSTANCE_ID}.\n"
        f"Error: Instance {INSTANCE_ID} ended as {status}: NO_STOCK: No machine is left.\n"
        f"`inventiv logs {INSTANCE_ID}` tells what was tried.\n"
    )
    assert server.calls[-1] == DELETE


@pytest.mark.parametrize("status", ["draining", "terminating", "terminated"])
def test_a_machine_someone_else_terminates_ends_the_demo(
    ada: Cli, server: LittleServer, status: str
) -> None:
    server.coming = ["booting", status]
    result = ada("demo")
    assert result.exit_code == 1
    assert f"ended as {status}: the server gives no reason." in result.stderr


def test_an_answer_that_fails_gives_the_machine_back(ada: Cli, server: LittleServer) -> None:
    server.failing["/v1/chat/completions"] = (500, {"error": "boom", "detail": "It broke."})
    result = ada("demo")
    assert result.exit_code == 1
    assert "Error: It broke." in result.stderr
    assert DELETE in server.calls


@pytest.mark.parametrize("moment", ["deploying", "provisioning", "installing", "terminating"])
def test_interrupting_gives_the_machine_back(ada: Cli, server: LittleServer, moment: str) -> None:
    server.interrupt_at = moment
    result = ada("demo")

    assert result.exit_code == 130
    assert result.stderr == f"Terminating instance {INSTANCE_ID}.\nInterrupted.\n"
    assert server.calls[-1] == DELETE
    assert "Traceback" not in result.output


def test_interrupting_keeps_what_should_be_kept(ada: Cli, server: LittleServer) -> None:
    server.interrupt_at = "booting"
    result = ada("demo", "--keep")
    assert result.exit_code == 130
    assert f"`inventiv terminate {INSTANCE_ID}` gives it back." in result.stderr
    assert DELETE not in server.calls


def test_a_machine_that_cannot_be_given_back_is_named(ada: Cli, server: LittleServer) -> None:
    server.coming = ["failed"]
    server.failing["/v1/chat/completions"] = (500, "no")
    server.failing[f"/instances/{INSTANCE_ID}"] = (500, "The database is away")
    result = ada("demo")
    assert result.exit_code == 1
    assert "It may still run, and cost: The database is away." in result.stderr
    assert f"`inventiv terminate {INSTANCE_ID}`" in result.stderr


def test_a_refused_deployment_leaves_nothing_to_give_back(ada: Cli, server: LittleServer) -> None:
    refused = {"status": "failed", "instance_id": INSTANCE_ID, "message": "The zone is closed."}
    server.failing["/deployments"] = (400, refused)
    result = ada("demo")
    assert result.exit_code == 1
    assert "Error: The zone is closed.\n" in result.stderr
    assert "Terminating" not in result.stderr
    assert DELETE not in server.calls


def test_a_catalog_without_the_model(ada: Cli, server: LittleServer) -> None:
    server.models.clear()
    result = ada("demo")
    assert result.exit_code == 1
    assert "No active model is called 'mock-echo-model'." in result.stderr


def test_the_demo_does_without_events(
    ada: Cli, server: LittleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    server.events_work = False
    assert ada("demo").exit_code == 0
