"""The engine speaks OpenAI's API as vLLM does, and takes its time."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest

from inventiv_adapters.cloud.mock.engine import MAX_BODY_BYTES, Engine
from inventiv_adapters.cloud.mock.loopback import port_of, reserve
from inventiv_adapters.cloud.mock.words import MAX_MODEL_TOKENS
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds
from tests.adapters.cloud.builders import MODEL, eventually

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello there"}]
HEARD = f'You said: "Hello there". This is {MODEL}, simulated: it repeats what it hears.'
TOKENS = len(HEARD.split())


@dataclass
class Running:
    """An engine and where it is."""

    engine: Engine
    url: str
    client: httpx.AsyncClient

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.client.post(f"{self.url}{path}", json=body)

    async def events(self, path: str, body: Any) -> list[str]:
        """Return the data of every event of a stream."""
        answer = await self.post(path, {"stream": True, **body})
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = answer.text.removesuffix("\n\n").split("\n\n")
        return [block.removeprefix("data: ") for block in blocks]

    async def chunks(self, path: str, body: Any) -> list[Any]:
        *chunks, done = await self.events(path, body)
        assert done == "[DONE]"
        return [json.loads(chunk) for chunk in chunks]


async def _run(
    client: httpx.AsyncClient, *, token_delay_s: float, seats: int = 8, key: str | None = None
) -> AsyncGenerator[Running]:
    engine = Engine(
        model_id=MODEL,
        token_delay_s=token_delay_s,
        max_running_requests=seats,
        clock=SystemClock(),
        new_id=SerialIds(),
        key=key,
    )
    with reserve(None) as port:
        async with engine.serving_on(port):
            yield Running(engine=engine, url=f"http://127.0.0.1:{port_of(port)}", client=client)


@pytest.fixture
async def running(client: httpx.AsyncClient) -> AsyncGenerator[Running]:
    """An engine that takes no time."""
    async for running in _run(client, token_delay_s=0):
        yield running


@pytest.fixture
async def slow(client: httpx.AsyncClient) -> AsyncGenerator[Running]:
    """An engine with one seat, that takes minutes for an endless answer."""
    async for running in _run(client, token_delay_s=0.01, seats=1):
        yield running


@pytest.fixture
async def locked(client: httpx.AsyncClient) -> AsyncGenerator[Running]:
    """An engine that lets in only those who have its key."""
    async for running in _run(client, token_delay_s=0, key="ek_secret"):
        yield running


async def test_only_who_has_the_key_uses_the_models(locked: Running) -> None:
    calls = (("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("POST", "/v1/nothing"))
    for method, path in calls:
        for said in (None, "ek_secret", "Bearer ek_other", "Basic ek_secret"):
            headers: dict[str, str] = {} if said is None else {"Authorization": said}
            url = f"{locked.url}{path}"
            answer = await locked.client.request(method, url, json={}, headers=headers)
            assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
    right = {"Authorization": "Bearer ek_secret"}
    answer = await locked.client.get(f"{locked.url}/v1/models", headers=right)
    assert answer.json()["data"][0]["id"] == MODEL
    for path in ("/health", "/metrics"):
        assert (await locked.client.get(f"{locked.url}{path}")).is_success, "that is the agent's"


async def test_an_engine_without_a_key_lets_in_whoever_has_one(running: Running) -> None:
    headers = {"Authorization": "Bearer ek_of-nobody"}
    assert (await running.client.get(f"{running.url}/v1/models", headers=headers)).is_success


async def test_a_chat_repeats_what_the_user_said_last(running: Running) -> None:
    answer = (await running.post("/v1/chat/completions", {"messages": HELLO})).json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == MODEL
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": HEARD},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert answer["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": TOKENS,
        "total_tokens": 4 + TOKENS,
    }


async def test_a_streamed_chat_is_role_then_tokens_then_reason(running: Running) -> None:
    chunks = await running.chunks("/v1/chat/completions", {"messages": HELLO})
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    first, *middle, last = [chunk["choices"][0] for chunk in chunks]
    assert first["delta"] == {"role": "assistant", "content": ""}
    assert "".join(choice["delta"]["content"] for choice in middle) == HEARD
    assert len(middle) == TOKENS
    assert {choice["finish_reason"] for choice in [first, *middle]} == {None}
    assert (last["delta"], last["finish_reason"]) == ({}, "stop")


async def test_usage_is_streamed_only_on_request(running: Running) -> None:
    ask = {"messages": HELLO, "max_tokens": 2}
    without = await running.chunks("/v1/chat/completions", ask)
    assert not any("usage" in chunk for chunk in without)
    options = {"stream_options": {"include_usage": True}}
    *_, reason, usage = await running.chunks("/v1/chat/completions", ask | options)
    assert reason["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_answer(running: Running, limit: str) -> None:
    body = {"messages": HELLO, limit: 3}
    answer = (await running.post("/v1/chat/completions", body)).json()
    [choice] = answer["choices"]
    assert choice["message"]["content"] == 'You said: "Hello'
    assert choice["finish_reason"] == "length"


async def test_an_answer_may_be_made_as_long_as_its_limit(running: Running) -> None:
    body = {"messages": HELLO, "max_tokens": 100, "ignore_eos": True}
    answer = (await running.post("/v1/chat/completions", body)).json()
    assert answer["usage"]["completion_tokens"] == 100
    text = answer["choices"][0]["message"]["content"]
    assert text.startswith(f"{HEARD} You said:")
    assert len(text.split()) == 100


async def test_a_message_may_come_in_parts(running: Running) -> None:
    parts = [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {"url": "x"}}]
    body = {"messages": [{"role": "user", "content": parts}]}
    answer = (await running.post("/v1/chat/completions", body)).json()
    assert '"Hello"' in answer["choices"][0]["message"]["content"]


async def test_completions_speak_their_own_dialect(running: Running) -> None:
    body = {"prompt": "Hello there", "max_tokens": 50}
    answer = (await running.post("/v1/completions", body)).json()
    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["text"] == HEARD
    *chunks, last = await running.chunks("/v1/completions", body)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == HEARD
    assert last["choices"][0]["finish_reason"] == "stop"


async def test_the_official_client_understands_every_answer(running: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none") as client:
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hello there"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == HEARD
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == TOKENS
        vectors = await client.embeddings.create(model=MODEL, input=["a", "b", "a"])
        a, b, again = [row.embedding for row in vectors.data]
        assert a == again != b
        assert [model.id async for model in client.models.list()] == [MODEL]
        with pytest.raises(openai.NotFoundError, match="does not exist"):
            await client.completions.create(model="other", prompt="Hello")


async def test_embeddings_depend_on_the_text_alone(running: Running) -> None:
    body = {"input": ["some words", "others"], "dimensions": 4}
    answer = (await running.post("/v1/embeddings", body)).json()
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    first, second = [row["embedding"] for row in answer["data"]]
    assert sum(number**2 for number in first) == pytest.approx(1)
    assert len(first) == len(second) == 4
    again = (await running.post("/v1/embeddings", {"input": "others", "dimensions": 4})).json()
    assert again["data"][0]["embedding"] == second


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", b"{"),
        ("/v1/chat/completions", b"\xff"),
        ("/v1/chat/completions", b"{}"),
        ("/v1/chat/completions", b'{"messages": []}'),
        ("/v1/chat/completions", b'{"messages": ["hello"]}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "user"}], "max_tokens": 0}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "user"}], "n": 2}'),
        ("/v1/completions", b"{}"),
        ("/v1/completions", b'{"prompt": ["a", "b"]}'),
        ("/v1/embeddings", b'{"input": []}'),
        ("/v1/embeddings", b'{"input": "a", "encoding_format": "hex"}'),
    ],
)
async def test_what_makes_no_sense_is_refused(running: Running, path: str, body: bytes) -> None:
    answer = await running.client.post(f"{running.url}{path}", content=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("BadRequestError", 400)
    assert error["message"]


async def test_an_unknown_model_is_not_found(running: Running) -> None:
    body = {"model": "other", "messages": HELLO}
    answer = await running.post("/v1/chat/completions", body)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "message": "The model `other` does not exist.",
            "type": "NotFoundError",
            "param": "model",
            "code": 404,
        }
    }


async def test_too_much_is_refused(running: Running) -> None:
    messages = [{"role": "user", "content": "word " * MAX_MODEL_TOKENS}]
    too_long = await running.post("/v1/chat/completions", {"messages": messages})
    assert too_long.status_code == 400
    assert str(MAX_MODEL_TOKENS) in too_long.json()["error"]["message"]
    url = f"{running.url}/v1/completions"
    too_large = await running.client.post(url, content=b" " * (MAX_BODY_BYTES + 1))
    assert too_large.status_code == 413
    assert too_large.json()["error"]["code"] == 413


async def test_other_paths_are_not_found_in_the_same_shape(running: Running) -> None:
    answer = await running.client.get(f"{running.url}/v2")
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "NotFoundError"


async def test_it_is_healthy_and_counts(running: Running) -> None:
    await running.post("/v1/chat/completions", {"messages": HELLO, "max_tokens": 5})
    assert (await running.client.get(f"{running.url}/health")).status_code == 200
    metrics = (await running.client.get(f"{running.url}/metrics")).text.splitlines()
    assert f'vllm:num_requests_running{{model_name="{MODEL}"}} 0.0' in metrics
    assert f'vllm:num_requests_waiting{{model_name="{MODEL}"}} 0.0' in metrics
    assert f'vllm:prompt_tokens_total{{model_name="{MODEL}"}} 4.0' in metrics
    assert f'vllm:generation_tokens_total{{model_name="{MODEL}"}} 5.0' in metrics


async def test_requests_beyond_the_seats_wait(slow: Running) -> None:
    body = {"messages": HELLO, "ignore_eos": True}
    asked = [asyncio.create_task(slow.post("/v1/chat/completions", body)) for _ in range(3)]

    async def both() -> bool:
        return (slow.engine.requests_running, slow.engine.requests_waiting) == (1, 2)

    await eventually(both)
    metrics = (await slow.client.get(f"{slow.url}/metrics")).text
    assert f'vllm:num_requests_waiting{{model_name="{MODEL}"}} 2.0' in metrics
    for task in asked:
        task.cancel()
    await asyncio.wait(asked)

    async def none() -> bool:
        return (slow.engine.requests_running, slow.engine.requests_waiting) == (0, 0)

    await eventually(none)


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_client_that_leaves_ends_the_work(slow: Running, *, is_streamed: bool) -> None:
    body = {"messages": HELLO, "ignore_eos": True, "stream": is_streamed}
    asked = asyncio.create_task(slow.post("/v1/chat/completions", body))

    async def works() -> bool:
        return slow.engine.requests_running == 1

    await eventually(works)
    asked.cancel()
    await asyncio.wait([asked])

    async def rests() -> bool:
        return slow.engine.requests_running == 0

    await eventually(rests)
    metrics = (await slow.client.get(f"{slow.url}/metrics")).text
    assert 'finished_reason="abort"' in metrics


async def test_tokens_come_one_by_one(slow: Running) -> None:
    body = {"messages": HELLO, "max_tokens": 10, "stream": True}
    first_came_while_running = False
    async with slow.client.stream("POST", f"{slow.url}/v1/chat/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if '"content":"You"' in line:
                first_came_while_running = slow.engine.requests_running == 1
    assert first_came_while_running
    assert slow.engine.requests_running == 0
