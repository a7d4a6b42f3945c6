"""What operators do to a server that runs: reinstall a machine, trigger, want two people."""

from functools import partial
from typing import Any

import httpx

from tests.acceptance.server import Server, deploy, eventually, wait_for


def asked(client: httpx.Client) -> int:
    """Return how the model answers a call."""
    question = {"model": "mock-echo-model", "messages": [{"role": "user", "content": "Hello"}]}
    return client.post("/v1/chat/completions", json=question).status_code


def ended(client: httpx.Client, command_id: str) -> dict[str, Any] | None:
    """Return the command once it has ended."""
    command: dict[str, Any] = client.get(f"/commands/{command_id}").json()
    return None if command["ended_at"] is None else command


def test_a_machine_is_reinstalled_and_serves_again(own_server: Server) -> None:
    with own_server.client() as client:
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        [before] = own_server.rentals()
        shown = client.get(f"/instances/{instance_id}").json()
        assert (shown["storage_count"], len(shown["storages"])) == (1, 1)

        answer = client.post(f"/instances/{instance_id}/reinstall")
        assert answer.status_code == 202, answer.text
        own_server.kill()
        own_server.start()
    with own_server.client() as client:
        wait_for(client, instance_id, "ready")
        [after] = own_server.rentals(include_deleted=True)
        assert (after.id, after.created_at) == (before.id, before.created_at)
        assert after.started_at != before.started_at
        eventually(lambda: asked(client) == 200, "an answer")
        logs = client.get("/action_logs?action_type=EXECUTE_REINSTALL").json()
        assert [log["status"] for log in logs] == ["success"]


def test_a_command_outlives_its_server_and_a_machine_waits_for_two_people(
    own_server: Server,
) -> None:
    with own_server.client() as client:
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        eventually(lambda: asked(client) == 200, "an answer")
        path = f"/instances/{instance_id}/activations"
        wanted = {"requires_double_activation": True}
        assert client.put("/organizations/current/activation", json=wanted).status_code == 200
        eventually(lambda: asked(client) == 503, "no answer")
        for side in ("technical", "economic"):
            assert asked(client) == 503
            assert client.put(f"{path}/{side}").status_code == 200
        eventually(lambda: asked(client) == 200, "an answer again")

        triggered = [client.post(path).json() for path in ("/reconcile", "/catalog/sync")]
        assert {answer["status"] for answer in triggered} == {"triggered"}
        own_server.kill()
        own_server.start()
    with own_server.client() as client:
        for answer in triggered:
            command = eventually(partial(ended, client, answer["command_id"]), "its end")
            assert command["state"] == "done", command
    told = own_server.run("catalog", "sync")
    assert (told.returncode, "providers have answered" in told.stdout) == (0, True), told.stderr
    assert own_server.run("reconcile").returncode == 0
