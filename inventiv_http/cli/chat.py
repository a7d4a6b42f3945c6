"""`inventiv chat`: an answer of a model, as it is written."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

import typer

from inventiv_http.cli.choices import find_model
from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import AsyncInventiv, Completion, Json
from inventiv_http.client.inference import COMPLETION_S


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a model said, how long it took and how many tokens that was, if it was counted."""

    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    time_to_first_token_s: float | None = None
    duration_s: float = 0.0
    _started_s: float = field(default_factory=time.monotonic, repr=False)

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens written per second of the whole answer, the wait for the first included."""
        if self.completion_tokens is None or not self.duration_s:
            return None
        return self.completion_tokens / self.duration_s

    def add(self, chunk: Completion) -> str:
        """Take a chunk, or a whole answer, and return the text it brings."""
        self.duration_s = time.monotonic() - self._started_s
        usage = _object(chunk.get("usage"))
        self.prompt_tokens = usage.get("prompt_tokens", self.prompt_tokens)
        self.completion_tokens = usage.get("completion_tokens", self.completion_tokens)
        choices = chunk["choices"]
        choice = _object(cast("list[object]", choices)[0] if choices else None)
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        said = _object(choice.get("delta") or choice.get("message")).get("content") or ""
        self.text += said
        return str(said)

    def as_json(self) -> Json:
        """What a program may want to know, times in seconds."""
        return {
            "text": self.text,
            "finish_reason": self.finish_reason,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "time_to_first_token_s": _rounded(self.time_to_first_token_s),
            "duration_s": _rounded(self.duration_s),
            "tokens_per_s": _rounded(self.tokens_per_s),
        }

    def summary(self) -> str:
        """One line about it."""
        tokens = "tokens not counted"
        if self.completion_tokens is not None:
            tokens = f"{self.completion_tokens} tokens"
        parts = [tokens, f"{self.duration_s:.2f} s"]
        if self.time_to_first_token_s is not None:
            parts.insert(1, f"first after {self.time_to_first_token_s:.2f} s")
        if self.tokens_per_s is not None:
            parts.append(f"{self.tokens_per_s:.1f} tokens/s")
        return " · ".join(parts)


def chat(
    *,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Its catalog id, uuid or name, or an offering ORGANIZATION/CODE."
        ),
    ],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to say to it.")],
    stream: Annotated[
        bool, typer.Option("--stream/--no-stream", help="Show the answer as it is written.")
    ] = True,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="The longest answer.")
    ] = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Say something to a model that is served, and show what it answers."""
    wanted = asked(url, username, password)
    run(_chat(wanted, model, prompt, Output(as_json), stream=stream, max_tokens=max_tokens))


async def _chat(
    wanted: Asked, reference: str, prompt: str, out: Output, *, stream: bool, max_tokens: int | None
) -> None:
    async with connected(wanted) as server:
        known = find_model(reference, await server.models())
        # What is not in the catalog may be an organization's offering: the server knows.
        name = known["model_id"] if known else reference
        answer = await ask(
            server, name, prompt, tell=out.piece, stream=stream, max_tokens=max_tokens
        )
    out.piece("\n")
    out.say(answer.summary())
    out.document({"model": name, **answer.as_json()})


async def ask(
    server: AsyncInventiv,
    model: str,
    prompt: str,
    *,
    tell: Callable[[str], None],
    stream: bool = True,
    max_tokens: int | None = None,
) -> Answer:
    """Say something to a model; `tell` hears the answer piece by piece."""
    body: Json = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    answer = Answer()
    try:
        async with asyncio.timeout(COMPLETION_S):
            if not stream:
                tell(answer.add(await server.complete(body)))
                return answer
            async with aclosing(_pieces(server, body, answer)) as pieces:
                async for piece in pieces:
                    tell(piece)
    except TimeoutError as error:
        raise CommandFailed(
            sentence=f"The answer was not finished after {COMPLETION_S:g} s.",
            advice="Ask for less with --max-tokens.",
        ) from error
    return answer


async def _pieces(server: AsyncInventiv, body: Json, answer: Answer) -> AsyncGenerator[str]:
    body = body | {"stream_options": {"include_usage": True}}
    async with aclosing(server.complete_in_pieces(body)) as chunks:
        async for chunk in chunks:
            if piece := answer.add(chunk):
                if answer.time_to_first_token_s is None:
                    answer.time_to_first_token_s = answer.duration_s
                yield piece


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
