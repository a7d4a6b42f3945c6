"""Heartbeats on the short way are answered, and have the effect, that the route's would have."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from inventiv_core.instances.entities import Instance
from inventiv_http.container import MemoryAdapters
from tests.http.workers.test_routes import HEARTBEAT, about, instance, machine, nested, token

__all__ = ["instance", "machine", "token"]  # fixtures

BODIES: dict[str, Any] = {
    "as it should be": {"status": "ready"},
    "with everything": {
        "status": " READY ",
        "queue_depth": 3,
        "gpu_utilization": 12.5,
        "agent_info": {"version": "1.0"},
        "metadata": {"gpus": [{"index": 0, "gpu_utilization": 5}], "vllm": {"queue_depth": 1}},
    },
    "a number in quotes, as lenient clients send it": {"status": "ready", "queue_depth": "7"},
    "a status that nobody knows": {"status": "dancing"},
    "no status": {},
    "a number that is none": {"status": "ready", "queue_depth": "many"},
    "too deep": {"status": "ready", "metadata": nested(40)},
    "far too deep": {"status": "ready", "metadata": nested(900)},
    "NUL": {"status": "ready", "model_id": "a\0b"},
}
RAW = {
    "no JSON": b"{",
    "a list": b"[]",
    "not UTF-8": b'{"status": "\xff"}',
    "no instance": b'{"status": "ready"}',
    "an instance that is none": b'{"status": "ready", "instance_id": "me"}',
    "brackets": b"[" * 5000,
}
CASES = [*BODIES, *RAW]


async def both_ways(
    machine: httpx.AsyncClient, body: bytes, headers: dict[str, str]
) -> list[tuple[int, Any]]:
    """Post it with its length, which is the short way, and in pieces, which is the route's."""

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    headers = {"Content-Type": "application/json", **headers}
    answers = [
        await machine.post(HEARTBEAT, content=content, headers=headers)
        for content in (body, pieces())
    ]
    said: list[tuple[int, Any]] = []
    for answer in answers:
        assert answer.headers["x-request-id"]
        assert answer.headers["content-type"] == "application/json"
        words = answer.json()
        words.pop("request_id", None)
        said.append((answer.status_code, words))
    return said


def bytes_of(case: str, instance: Instance) -> bytes:
    return RAW[case] if case in RAW else msgspec.json.encode(about(instance, **BODIES[case]))


@pytest.mark.parametrize("case", CASES)
async def test_both_ways_say_the_same(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str], case: str
) -> None:
    short, route = await both_ways(machine, bytes_of(case, instance), token)
    assert short == route


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wk_wrong"}, {"Authorization": "Basic eDp5"}]
)
async def test_both_ways_let_in_the_same(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str], headers: dict[str, str]
) -> None:
    short, route = await both_ways(machine, bytes_of("as it should be", instance), headers)
    assert short == route
    assert short[0] == 401


async def test_what_is_no_json_by_its_type_is_the_route_s_to_refuse(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str]
) -> None:
    body = bytes_of("as it should be", instance)
    answer = await machine.post(
        HEARTBEAT, content=body, headers={**token, "Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


async def test_a_heartbeat_that_is_too_long_is_refused(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str]
) -> None:
    body = msgspec.json.encode(about(instance, status="ready", metadata={"x": "y" * 300_000}))
    [short, route] = await both_ways(machine, body, token)
    assert (short[0], route[0]) == (413, 413)


async def test_both_ways_are_noted(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str], memory: MemoryAdapters
) -> None:
    body = bytes_of("as it should be", instance)
    assert [status for status, _ in await both_ways(machine, body, token)] == [200, 200]
    async with memory.unit_of_work()() as work:
        worker = await work.workers.find(instance.id)
    assert worker is not None
    assert worker.status == "ready"
