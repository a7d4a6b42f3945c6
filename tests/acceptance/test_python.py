"""Programs in Python that use our client, against a running server and a machine it rents."""

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from inventiv_http.client import AsyncInventiv, Completion, Inventiv, Place
from tests.acceptance.server import PATIENCE_S, Server

README = Path(__file__).parents[2] / "README.md"
PASSWORD = "a password for this test"
MODEL = "mock-echo-model"
PLACE = Place(provider="mock", zone="local", type="mock-local-instance")
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "One two three."}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    settings = {"INVENTIV_ADMIN_PASSWORD": PASSWORD}
    running = Server(tmp_path_factory.mktemp("served") / "data", settings).start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture(scope="module")
def operator(server: Server) -> Generator[Inventiv]:
    """Whoever rents machines."""
    with Inventiv(f"http://127.0.0.1:{server.port}") as operator:
        operator.login("admin", PASSWORD)
        yield operator
        operator.logout()


@pytest.fixture(scope="module")
def key(operator: Inventiv) -> str:
    """What programs call with."""
    return operator.create_api_key("programs")["api_key"]


@pytest.fixture(scope="module")
def ready(operator: Inventiv) -> str:
    """An instance that serves the model, awaited by its events alone."""
    [model] = [row for row in operator.models() if row["model_id"] == MODEL]
    instance_id = operator.deploy(PLACE, model_id=model["id"])["instance_id"]
    with closing(operator.events(instance_id=instance_id)) as events:
        for event in events:
            if not event.may_concern(instance_id):
                continue
            if operator.instance(instance_id)["status"] == "ready":
                break
    return instance_id


def text_of(pieces: list[Completion]) -> str:
    """Put together what came in pieces."""
    deltas = [choice["delta"] for piece in pieces for choice in piece["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


async def test_a_machine_is_awaited_by_its_events_and_answers_in_pieces(
    operator: Inventiv, key: str, ready: str
) -> None:
    async with AsyncInventiv(operator.url, key) as program:
        assert [row["id"] for row in (await program.served_models())["data"]] == [MODEL]
        whole = (await program.complete(QUESTION))["choices"][0]["message"]["content"]
        assert whole
        async with aclosing(program.complete_in_pieces(QUESTION)) as found:
            assert text_of([piece async for piece in found]) == whole
    with Inventiv(operator.url, key) as waiting:
        assert waiting.complete(QUESTION)["choices"][0]["message"]["content"] == whole
        with closing(waiting.complete_in_pieces(QUESTION)) as again:
            assert text_of(list(again)) == whole


def test_what_the_readme_shows_works(operator: Inventiv, key: str, ready: str) -> None:
    shown = README.read_text().partition("## From Python")[2].partition("\n## ")[0]
    [snippet] = re.findall(r"^```python\n(.*?)^```$", shown, re.MULTILINE | re.DOTALL)
    usual = "http://127.0.0.1:8003"
    assert usual in snippet
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", snippet.replace(usual, operator.url)],
        env={**os.environ, "KEY": key, "PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{ready} ready" in done.stdout
    assert "Hello" in done.stdout


async def test_who_awaits_hears_of_its_end(operator: Inventiv, ready: str) -> None:
    async with (
        AsyncInventiv(operator.url, operator.token) as awaiting,
        aclosing(awaiting.events(instance_id=ready)) as events,
    ):
        assert (await anext(events)).name == "hello"
        await awaiting.terminate(ready)
        async for event in events:
            if event.instance_ids == frozenset({ready}):
                break
        assert (await awaiting.instance(ready))["status"] != "ready"
