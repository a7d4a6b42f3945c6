"""The engine on a machine of the mock cloud: vLLM's API, with an echo instead of a model."""

import asyncio
import base64
import hmac
import struct
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from socket import socket
from typing import TypeVar

import msgspec
from aiohttp import web

from inventiv_adapters.cloud.mock.loopback import serving
from inventiv_adapters.cloud.mock.wire import (
    CHAT,
    COMPLETION,
    Generation,
    Json,
    NewChat,
    NewCompletion,
    NewEmbeddings,
    Style,
    choice,
)
from inventiv_adapters.cloud.mock.words import MAX_MODEL_TOKENS, Answer, count_tokens, echo, embed
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId

Body = TypeVar("Body", NewChat, NewCompletion, NewEmbeddings)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 8 * 1024 * 1024

_KINDS = {400: "BadRequestError", 404: "NotFoundError"}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class _Refused(Exception):
    """The request cannot be served."""

    def __init__(self, status: int, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.response = _error(status, message, param=param)


class Engine:
    """One engine, serving one model on this host to whoever has its key."""

    def __init__(
        self,
        *,
        model_id: str,
        token_delay_s: float,
        max_running_requests: int,
        clock: Clock,
        new_id: NewId,
        key: str | None = None,
    ) -> None:
        """Take how long each token takes, how many requests are worked on at once, and for whom.

        Without a key, for anybody.
        """
        self._key = key
        self._model_id = model_id
        self._token_delay_s = token_delay_s
        self._seats = asyncio.Semaphore(max_running_requests)
        self._clock = clock
        self._new_id = new_id
        self._loaded_at_s = 0
        self._prompt_tokens = 0
        self._generated_tokens = 0
        self._endings: Counter[str] = Counter(stop=0, length=0, abort=0)
        self.is_ready = False
        """Whether the model is loaded and served."""
        self.requests_running = 0
        self.requests_waiting = 0

    @asynccontextmanager
    async def serving_on(self, reserved: socket) -> AsyncGenerator[None]:
        """Serve on this socket; at the end, answers break off where they are."""
        app = web.Application(
            client_max_size=MAX_BODY_BYTES, middlewares=[_in_shape, self._guarded]
        )
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/completions", self._complete),
                web.post("/v1/embeddings", self._embed),
                web.get("/v1/models", self._models),
                web.get("/health", self._health),
                web.get("/metrics", self._metrics),
            ]
        )
        async with serving(app, reserved):
            self._loaded_at_s = self._now_s()
            self.is_ready = True
            try:
                yield
            finally:
                self.is_ready = False

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever lacks the key, as vLLM does: where models are used, nowhere else."""
        if self._key is not None and request.path.startswith("/v1"):
            said = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(said, f"Bearer {self._key}".encode()):
                return _json({"error": "Unauthorized"}, status=HTTPStatus.UNAUTHORIZED)
        return await handler(request)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._read(request, NewChat)
        answer = self._echo(body, body.prompt, body.last_words, body.limit_tokens)
        return await self._answer(request, body, answer, CHAT)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await self._read(request, NewCompletion)
        answer = self._echo(body, body.text, body.text, body.max_tokens)
        return await self._answer(request, body, answer, COMPLETION)

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        body = await self._read(request, NewEmbeddings)
        vectors = [embed(text, dimensions=body.dimensions) for text in body.texts]
        tokens = sum(count_tokens(text) for text in body.texts)
        self._prompt_tokens += tokens
        is_base64 = body.encoding_format == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if is_base64 else vector,
            }
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return _json({"object": "list", "data": data, "model": self._model_id, "usage": usage})

    async def _models(self, _: web.Request) -> web.StreamResponse:
        model = {
            "id": self._model_id,
            "object": "model",
            "created": self._loaded_at_s,
            "owned_by": "vllm",
            "root": self._model_id,
            "parent": None,
            "max_model_len": MAX_MODEL_TOKENS,
        }
        return _json({"object": "list", "data": [model]})

    async def _health(self, _: web.Request) -> web.StreamResponse:
        return web.Response()

    async def _metrics(self, _: web.Request) -> web.StreamResponse:
        model = f'model_name="{self._model_id.translate(_ESCAPES)}"'
        lines = [
            "# TYPE vllm:num_requests_running gauge",
            f"vllm:num_requests_running{{{model}}} {float(self.requests_running)}",
            "# TYPE vllm:num_requests_waiting gauge",
            f"vllm:num_requests_waiting{{{model}}} {float(self.requests_waiting)}",
            "# TYPE vllm:prompt_tokens_total counter",
            f"vllm:prompt_tokens_total{{{model}}} {float(self._prompt_tokens)}",
            "# TYPE vllm:generation_tokens_total counter",
            f"vllm:generation_tokens_total{{{model}}} {float(self._generated_tokens)}",
            "# TYPE vllm:request_success_total counter",
            *(
                f'vllm:request_success_total{{finished_reason="{ending}",{model}}} {float(number)}'
                for ending, number in self._endings.items()
            ),
        ]
        return web.Response(text="".join(f"{line}\n" for line in lines))

    async def _read(self, request: web.Request, kind: type[Body]) -> Body:
        """Return the body, once it is certain that it makes sense to this engine."""
        try:
            body = msgspec.json.decode(await request.read(), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Refused(400, str(error)) from error
        if body.model not in {None, self._model_id}:
            message = f"The model `{body.model}` does not exist."
            raise _Refused(404, message, param="model")
        return body

    def _echo(
        self, body: Generation, prompt: str, last_words: str, limit_tokens: int | None
    ) -> Answer:
        answer = echo(
            prompt,
            last_words=last_words,
            model_id=self._model_id,
            limit_tokens=limit_tokens,
            is_endless=body.ignore_eos,
        )
        if not answer.tokens:
            message = (
                f"This model's maximum context length is {MAX_MODEL_TOKENS} tokens, "
                f"but the prompt has {answer.prompt_tokens}."
            )
            raise _Refused(400, message)
        return answer

    async def _answer(
        self, request: web.Request, body: Generation, answer: Answer, style: Style
    ) -> web.StreamResponse:
        head: Json = {
            "id": f"{style.id_prefix}-{self._new_id().hex}",
            "object": style.chunk_object if body.stream else style.whole_object,
            "created": self._now_s(),
            "model": self._model_id,
        }
        if body.stream:
            return await self._stream(request, answer, style, head, body=body)
        async with self._turn(answer):
            for _ in answer.tokens:
                await self._think()
        said = choice(style.whole(answer.text), finish_reason=answer.finish_reason)
        return _json({**head, "choices": [said], "usage": answer.usage})

    async def _stream(
        self, request: web.Request, answer: Answer, style: Style, head: Json, *, body: Generation
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
            }
        )
        await response.prepare(request)

        async def send(*choices: Json, **more: Json) -> None:
            chunk = msgspec.json.encode({**head, "choices": choices, **more})
            await response.write(b"data: %b\n\n" % chunk)

        async with self._turn(answer):
            if style.opening is not None:
                await send(choice(style.opening))
            for token in answer.tokens:
                await self._think()
                await send(choice(style.piece(token)))
            await send(choice(style.closing, finish_reason=answer.finish_reason))
        if body.includes_usage:
            await send(usage=answer.usage)
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    @asynccontextmanager
    async def _turn(self, answer: Answer) -> AsyncGenerator[None]:
        """Wait for a seat, and count the request as waiting, running and ended."""
        self.requests_waiting += 1
        try:
            await self._seats.acquire()
        finally:
            self.requests_waiting -= 1
        self.requests_running += 1
        self._prompt_tokens += answer.prompt_tokens
        ending = "abort"
        try:
            yield
            ending = answer.finish_reason
        finally:
            self._endings[ending] += 1
            self.requests_running -= 1
            self._seats.release()

    async def _think(self) -> None:
        """Take the time of one token."""
        await asyncio.sleep(self._token_delay_s)
        self._generated_tokens += 1

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())


@web.middleware
async def _in_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every refusal in the shape of vLLM, the server's own ones included."""
    try:
        return await handler(request)
    except _Refused as refused:
        return refused.response
    except web.HTTPException as error:
        return _error(error.status, error.reason)


def _json(body: Json, *, status: int = 200) -> web.Response:
    encoded = msgspec.json.encode(body)
    return web.Response(body=encoded, status=status, content_type="application/json")


def _error(status: int, message: str, *, param: str | None = None) -> web.Response:
    kind = _KINDS.get(status, HTTPStatus(status).phrase)
    error = {"message": message, "type": kind, "param": param, "code": status}
    return _json({"error": error}, status=status)


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
