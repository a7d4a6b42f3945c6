"""Programs that were written for OpenAI, against a running server and a machine it has rented."""

from collections.abc import AsyncGenerator, Generator

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import SecretStr

from tests.acceptance.server import Server, deploy, wait_for

MODEL = "mock-echo-model"
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "One two three."}]


@pytest.fixture(scope="module")
def key(server: Server) -> Generator[str]:
    """An API key, in a workspace where a model answers."""
    with server.client() as owner:
        instance_id = deploy(owner)
        made = owner.post("/api_keys", json={"name": "programs"})
        wait_for(owner, instance_id, "ready")
        yield str(made.json()["api_key"])
        owner.delete(f"/instances/{instance_id}")
        wait_for(owner, instance_id, "terminated")


@pytest.fixture
def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}/v1"


@pytest.fixture
def program(url: str, key: str) -> Generator[OpenAI]:
    with OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_program(url: str, key: str) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


def test_openai_s_client_is_answered_and_streamed_to(program: OpenAI) -> None:
    assert [model.id for model in program.models.list()] == [MODEL]
    whole = program.chat.completions.create(model=MODEL, messages=MESSAGES)
    said = whole.choices[0].message.content
    assert said
    assert whole.usage is not None
    assert whole.usage.completion_tokens > 0
    with program.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True) as stream:
        events = list(stream)
    assert "".join(event.choices[0].delta.content or "" for event in events) == said
    assert all(event.usage is None for event in events), "nobody has asked for it"
    completed = program.completions.create(model=MODEL, prompt="One two three.")
    assert completed.choices[0].text


async def test_openai_s_asynchronous_client_is_answered_and_streamed_to(
    async_program: AsyncOpenAI,
) -> None:
    whole = await async_program.chat.completions.create(model=MODEL, messages=MESSAGES)
    stream = await async_program.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    words, used = "", None
    async for event in stream:
        words += "".join(choice.delta.content or "" for choice in event.choices)
        used = event.usage or used
    assert words == whole.choices[0].message.content
    assert used == whole.usage


def test_openai_s_client_gets_embeddings(program: OpenAI) -> None:
    answer = program.embeddings.create(model=MODEL, input=["one", "two", "one"])
    first, second, third = (row.embedding for row in answer.data)
    assert first == third != second


def test_openai_s_client_understands_what_went_wrong(program: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        program.chat.completions.create(model="nobody/has-this", messages=MESSAGES)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        program.with_options(api_key="sk-inv-wrong").models.list()
    with pytest.raises(openai.BadRequestError):
        program.chat.completions.create(model=MODEL, messages=[])


async def test_langchain_s_client_is_answered_and_streamed_to(url: str, key: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        chat = ChatOpenAI(
            model=MODEL, base_url=url, api_key=SecretStr(key), max_retries=0, http_async_client=http
        )
        answer = await chat.ainvoke("One two three.")
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["total_tokens"] > 0
        words = [str(piece.content) async for piece in chat.astream("One two three.")]
        assert "".join(words) == answer.content
        assert len(words) > 2
        embeddings = OpenAIEmbeddings(
            model=MODEL, base_url=url, api_key=SecretStr(key), max_retries=0,
            check_embedding_ctx_length=False, http_async_client=http,
        )  # fmt: skip
        first, second = await embeddings.aembed_documents(["one", "two"])
        assert first != second
