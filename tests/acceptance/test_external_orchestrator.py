"""An orchestrator of others does the work: this server tells it what, and lets workers through."""

import asyncio
import json
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web
from redis import Redis

from inventiv_adapters.cloud.mock.loopback import port_of, reserve, serving
from tests import redis
from tests.acceptance.server import Server, deploy, eventually, status

CHANNEL = "orchestrator_events"


@contextmanager
def an_orchestrator(heard: list[tuple[str, Any]]) -> Generator[str]:
    """Listen to workers as an orchestrator does, in a thread, over real HTTP."""
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    url: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append((request.path, await request.json()))
        return web.json_response({"status": "ok", "bootstrap_token": "wk_theirs"})

    async def run() -> None:
        with reserve(None) as port:
            app = web.Application()
            app.add_routes([web.post("/internal/worker/{action}", hear)])
            async with serving(app, port):
                url.append(f"http://127.0.0.1:{port_of(port)}")
                started.set()
                await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert started.wait(10)
    try:
        yield url[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@contextmanager
def listening(url: str) -> Generator[Callable[[], Any]]:
    """Return what hears the next command, as an orchestrator does."""
    with Redis.from_url(url) as client, client.pubsub() as channel:
        channel.subscribe(CHANNEL)
        assert channel.get_message(timeout=10)["type"] == "subscribe"

        def next_command() -> Any:
            message = eventually(lambda: channel.get_message(timeout=0.1), "a command")
            return json.loads(message["data"])

        yield next_command


def test_it_is_told_what_to_do_and_nothing_is_done_here(tmp_path: Path) -> None:
    heard: list[tuple[str, Any]] = []
    with ExitStack() as stack:
        bus = stack.enter_context(redis.server(tmp_path))
        url = stack.enter_context(an_orchestrator(heard))
        settings = {"REDIS_URL": bus, "ORCHESTRATOR_INTERNAL_URL": url}
        server = Server(tmp_path / "data", settings).start()
        stack.callback(server.stop)
        command = stack.enter_context(listening(bus))
        client = stack.enter_context(server.client())

        instance_id = deploy(client)
        told = command()
        shown = client.get(f"/instances/{instance_id}").json()
        assert told["type"] == "CMD:PROVISION"
        assert (told["instance_id"], told["zone"], told["instance_type"]) == (
            instance_id, "local", "mock-local-instance",
        )  # fmt: skip
        for name in ("provider_id", "zone_id", "instance_type_id", "model_id"):
            assert told[name] == shown[name]
        [log] = client.get(f"/action_logs?instance_id={instance_id}").json()
        assert (log["action_type"], log["id"]) == ("REQUEST_CREATE", told["correlation_id"])

        message = {"instance_id": instance_id, "status": "ready"}
        base = str(client.base_url)
        answer = httpx.post(f"{base}/internal/worker/register", json=message)
        assert answer.json() == {"status": "ok", "bootstrap_token": "wk_theirs"}
        assert heard == [("/internal/worker/register", message)]

        assert client.post("/reconcile").status_code == 200
        assert command() == {"type": "CMD:RECONCILE"}
        assert client.post("/catalog/sync").status_code == 200
        assert command() == {"type": "CMD:SYNC_CATALOG"}
        eventually(lambda: all(one["ended_at"] for one in client.get("/commands").json()), "ends")

        assert status(client, instance_id) == "provisioning", "nobody here rents it"
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        ended = command()
        assert (ended["type"], ended["instance_id"]) == ("CMD:TERMINATE", instance_id)
        assert status(client, instance_id) == "terminating"
        assert not server.rentals(include_deleted=True)
        assert "nobody_listens" not in server.log.read_text()


def test_without_a_redis_it_could_not_be_told(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", {"INVENTIV_ORCHESTRATOR_URL": "http://127.0.0.1:9"})
    server.launch()
    assert server.process is not None
    assert server.process.wait(60) == 1
    assert "INVENTIV_REDIS_URL" in server.log.read_text()
    assert "Traceback" not in server.log.read_text()
