"""The first run of somebody new: serve, demo, and a look around."""

import json
from typing import Any

import httpx

from tests.acceptance.server import (
    Server,
    content,
    deploy,
    eventually,
    status,
    the_order,
    wait_for,
)


def test_the_demo_deploys_talks_and_gives_the_machine_back(server: Server) -> None:
    shown = server.run("demo", "--json")
    assert shown.returncode == 0, shown.stderr
    story = json.loads(shown.stdout)
    stages = [stage["stage"] for stage in story["stages"]]
    assert stages[0] == "provisioning"
    assert "ready" in stages
    assert stages[-1] == "terminated"
    assert story["time_to_first_token_s"] < story["duration_s"]
    assert story["completion_tokens"] > 1
    assert "mock-echo-model" in story["text"]
    assert story["terminated"] is True
    assert server.rentals() == []


def test_the_first_token_arrives_before_the_last_is_produced(server: Server) -> None:
    with server.client() as client:
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        [machine] = server.rentals()
        metrics = f"http://{machine.ip_address}:{machine.engine_port}/metrics"
        question = {
            "model": "mock-echo-model",
            "stream": True,
            "messages": [{"role": "user", "content": "word " * 50}],
        }

        def is_routed() -> bool:
            return bool(client.get("/v1/models").json()["data"])

        eventually(is_routed, "the route")
        with client.stream("POST", "/v1/chat/completions", json=question) as answer:
            pieces = content(answer.iter_lines())
            first = next(pieces)
            still_running = httpx.get(metrics).text
            text = first + "".join(pieces)
        assert 'num_requests_running{model_name="mock-echo-model"} 1' in still_running
        assert text.count("word") >= 50
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminated")


def test_what_is_refused_rents_nothing_and_leaves_a_line(server: Server) -> None:
    nowhere = "00000000-0000-0000-0000-000000000000"
    with server.client() as client:
        before = len(server.rentals(include_deleted=True))
        instances = len(client.get("/instances").json())
        refusals: list[tuple[dict[str, Any], str]] = [
            ({"model_id": nowhere}, "INVALID_MODEL"),
            ({"model_id": None}, "MISSING_MODEL"),
            ({"zone": "mars-1"}, "INVALID_ZONE"),
            ({"zone": " "}, "MISSING_PARAMS"),
            ({"instance_type": "L4-1-24G"}, "INVALID_INSTANCE_TYPE"),
            ({"provider_code": "nobody"}, "INVALID_PROVIDER"),
        ]
        for change, code in refusals:
            answer = client.post("/deployments", json=the_order(client, **change))
            assert answer.status_code == 400, answer.text
            body = answer.json()
            assert (body["status"], body["error_code"]) == ("failed", code)
            params = {"instance_id": body["instance_id"]}
            [line] = client.get("/action_logs", params=params).json()
            assert (line["status"], line["error_code"]) == ("failed", code)
        wrong = client.post("/deployments", json=the_order(client, zone=5))
        assert wrong.status_code == 422
        headers = {"Content-Type": "application/json"}
        broken = client.post("/deployments", content=b"{", headers=headers)
        assert broken.status_code == 400
        assert client.get(f"/instances/{nowhere}").status_code == 404
        assert len(client.get("/instances").json()) == instances
        assert len(server.rentals(include_deleted=True)) == before


def test_nobody_gets_in_without_a_session(server: Server) -> None:
    with server.client() as client:
        client.headers.pop("Authorization")
        for path in ("/models", "/instances", "/action_logs", "/events/stream", "/v1/models"):
            assert client.get(path).status_code == 401, path
        assert client.post("/deployments", json={}).status_code == 401


def test_the_verbs_of_the_command_line_work(server: Server) -> None:
    def answer(*words: str) -> object:
        done = server.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert answer("models")
    assert answer("types")
    deployed = answer("deploy", "mock-echo-model", "--wait")
    assert isinstance(deployed, dict)
    instance_id = str(deployed["instance_id"])
    assert answer("instances")
    assert answer("logs", instance_id)
    eventually(lambda: server.run("chat", "mock-echo-model", "hello").returncode == 0, "a chat")
    assert answer("terminate", instance_id, "--wait")
    with server.client() as client:
        assert status(client, instance_id) == "terminated"
