"""A real server, a simulated Scaleway, and between them nothing but HTTP."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.server import Server, eventually, free_port, wait_for
from tests.scaleway.simulator import KEY, PROJECT, Accident
from tests.scaleway.site import Site

CREDENTIALS = "/providers/scaleway/credentials"
HUB_TOKEN = "hf_for-machines-only"


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    machines = tmp_path / "machines"
    machines.mkdir()
    with Site(machines).running() as site:
        yield site


@pytest.fixture
def server(tmp_path: Path, site: Site) -> Generator[Server]:
    running = Server(
        tmp_path / "data",
        settings={
            "INVENTIV_SCALEWAY_URL": site.url,
            "INVENTIV_SCALEWAY_ZONES": "fr-par-2",
            "INVENTIV_GATEWAY_NETWORKS": "127.0.0.1/32",
            "INVENTIV_WORKER_VLLM_PORT": str(free_port()),
            "INVENTIV_HUGGING_FACE_TOKEN": HUB_TOKEN,
        },
    ).start()
    yield running
    running.stop()


def configure(client: httpx.Client) -> None:
    """Give the organization its credentials."""
    answer = client.put(CREDENTIALS, json={"project_id": PROJECT, "secret_key": KEY})
    assert answer.status_code == 200, answer.text


def deploy(client: httpx.Client) -> str:
    """Deploy a small model on a small machine; return the instance's id."""
    models = client.get("/models", params={"active": "true"}).json()
    [model] = [model for model in models if model["model_id"] == "Qwen/Qwen2.5-0.5B-Instruct"]
    order = {
        "provider_code": "scaleway",
        "zone": "fr-par-2",
        "instance_type": "L4-1-24G",
        "model_id": model["id"],
    }
    answer = client.post("/deployments", json=order)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["instance_id"])


def test_from_credentials_to_a_served_model_and_back_to_nothing(server: Server, site: Site) -> None:
    simulator = site.simulator
    with server.client() as client:
        client.put(CREDENTIALS, json={"project_id": PROJECT, "secret_key": "wrong"})
        assert client.post(f"{CREDENTIALS}/test").json()["outcome"] == "denied"
        configure(client)
        assert client.post(f"{CREDENTIALS}/test").json()["outcome"] == "ok"
        triggered = client.post("/catalog/sync")
        assert triggered.status_code == 200, triggered.text
        command = f"/commands/{triggered.json()['command_id']}"
        eventually(lambda: client.get(command).json()["state"] == "done", "the sync")
        results = {
            one["provider_code"]: one["result"]
            for one in client.get(command).json()["result"]["providers"]
        }
        assert results["scaleway"] == "synced"

        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        [machine] = simulator.servers.values()
        assert f"inventiv-instance={instance_id}" in machine.body["tags"]
        assert machine.user_data == {}, "what it was told is forgotten as soon as it knows"
        [rule] = next(iter(simulator.groups.values()))["rules"]
        assert rule["ip_range"] == "127.0.0.1/32"
        assert site.sent[0]["/opt/inventiv/settings/hub_token"] == HUB_TOKEN.encode()
        question = {
            "model": "Qwen/Qwen2.5-0.5B-Instruct",
            "messages": [{"role": "user", "content": "ping"}],
        }

        def answered() -> Any:
            answer = client.post("/v1/chat/completions", json=question)
            return answer.is_success and answer.json()["choices"][0]["message"]["content"]

        assert eventually(answered, "an answer") == "pong"
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminated")
        everything = client.get("/action_logs/search", params={"limit": 200}).text
    assert simulator.bill == [], "nothing that costs money is left"
    token = json.loads(site.sent[0]["/opt/inventiv/agent.json"])["auth_token"]
    for secret in (KEY, HUB_TOKEN, token):
        assert secret not in server.log.read_text() + everything


def test_a_server_made_without_an_answer_is_given_up_and_another_serves(
    server: Server, site: Site
) -> None:
    simulator = site.simulator
    simulator.accidents = [
        Accident("POST", r"/servers$", None, is_done=True),
        Accident("GET", r"/servers$", 429, {}, {"Retry-After": "0"}, times=2),
    ]
    with server.client() as client:
        configure(client)
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        assert len(simulator.servers) == 1
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminated")
    assert simulator.bill == []


def test_a_key_that_is_revoked_ends_no_machine(server: Server, site: Site) -> None:
    simulator = site.simulator
    with server.client() as client:
        configure(client)
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        key = simulator.keys.pop(KEY)
        asked = len(simulator.calls)
        eventually(lambda: len(simulator.calls) > asked + 5, "some looks")
        assert client.get(f"/instances/{instance_id}").json()["status"] == "ready"
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminating")
        asked = len(simulator.calls)
        eventually(lambda: len(simulator.calls) > asked + 3, "some more")
        assert client.get(f"/instances/{instance_id}").json()["status"] == "terminating"
        assert len(simulator.servers) == 1
        simulator.keys[KEY] = key
        wait_for(client, instance_id, "terminated")
    assert simulator.bill == []
