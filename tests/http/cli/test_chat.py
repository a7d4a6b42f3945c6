"""An answer, as it is written."""

import json
import re

from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import LittleServer


def test_an_answer_is_streamed_and_counted(ada: Cli, server: LittleServer) -> None:
    result = ada("chat", "Mock Echo Model", "Hi", "--max-tokens", "5")

    assert result.exit_code == 0
    text, summary = result.stdout.splitlines()
    assert text == "Hello you"
    assert re.fullmatch(
        r"2 tokens · first after \d\.\d\d s · \d\.\d\d s · [\d.]+ tokens/s", summary
    )
    assert server.bodies["/v1/chat/completions"] == {
        "model": "mock-echo-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_an_answer_for_a_program(ada: Cli) -> None:
    answer = ada.json("chat", "mock-echo-model", "Hi")
    assert answer["text"] == "Hello you"
    assert answer["finish_reason"] == "stop"
    assert (answer["prompt_tokens"], answer["completion_tokens"]) == (7, 2)
    assert 0 < answer["time_to_first_token_s"] <= answer["duration_s"]


def test_an_answer_all_at_once(ada: Cli, server: LittleServer) -> None:
    answer = ada.json("chat", "mock-echo-model", "Hi", "--no-stream")
    assert (answer["text"], answer["completion_tokens"]) == ("Hello you", 2)
    assert answer["time_to_first_token_s"] is None
    assert "stream" not in server.bodies["/v1/chat/completions"]


def test_an_answer_need_not_be_counted(ada: Cli, server: LittleServer) -> None:
    server.chunks = server.said("Hello")[:-1]
    assert "tokens not counted" in ada("chat", "mock-echo-model", "Hi").stdout


def test_a_model_outside_the_catalog_is_the_servers_to_know(ada: Cli, server: LittleServer) -> None:
    assert ada("chat", "acme/support", "Hi").exit_code == 0
    assert server.bodies["/v1/chat/completions"]["model"] == "acme/support"


def test_a_model_cannot_drive_the_terminal(ada: Cli, server: LittleServer) -> None:
    server.chunks = server.said("\x1b]0;owned\x07\x1b[2J", "tab\tline\nnext")
    assert ada("chat", "mock-echo-model", "Hi").stdout.startswith("]0;owned[2Jtab\tline\nnext\n")


def test_no_machine_for_the_model(ada: Cli, server: LittleServer) -> None:
    server.not_routed_yet = 1
    result = ada("chat", "mock-echo-model", "Hi", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "Error: No machine serves this model.\n"
        "Deploy the model first, or wait until its instance is ready.\n"
    )


def test_an_answer_that_stops_is_not_taken_for_whole(ada: Cli, server: LittleServer) -> None:
    server.ends_streams = False
    result = ada("chat", "mock-echo-model", "Hi")
    assert result.exit_code == 1
    assert "The answer stopped before its end." in result.stderr


def test_a_failure_in_the_middle_of_an_answer(ada: Cli, server: LittleServer) -> None:
    server.chunks = [*server.said("Hel")[:2], {"error": {"message": "The machine is gone."}}]
    result = ada("chat", "mock-echo-model", "Hi", "--json")
    assert result.exit_code == 1
    assert "The answer broke off: The machine is gone." in result.stderr


def test_an_answer_that_is_no_answer(ada: Cli, server: LittleServer) -> None:
    server.failing["/models"] = (200, "<html>")
    assert "is not the JSON that was asked for" in ada("models").stderr
    server.failing["/models"] = (200, {"rows": []})
    assert "is not the list of Model that was asked for" in ada("models").stderr
    server.failing["/models"] = (200, [{"id": "1"}])
    assert "is not the Model that was asked for" in ada("models").stderr
    server.failing["/models"] = (503, json.dumps({"error": "unavailable"}))
    assert "Try again in a moment" in ada("models").stderr
