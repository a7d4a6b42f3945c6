"""A look at engines over HTTP, as their callers will see them."""

import asyncio
import re

import msgspec

from inventiv_core.kernel.secrets import Secret
from inventiv_core.orchestration.ports import EngineProbe

_MAX_BODY_BYTES = 1_000_000

# As vLLM has them in Prometheus' text format, and as older versions called them.
_UNDER_WAY = re.compile(
    rb"^vllm[:_](?:num_)?requests_(?:running|waiting)(?:\{[^}\n]*\})?[ \t]+(\S+)", re.MULTILINE
)


class _Listed(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Listed]


class HttpEngineProbe(EngineProbe):
    """Asks what OpenAI clients ask. Never follows a redirect: engines do not send any."""

    def __init__(self, *, look_s: float = 4.0, warm_up_s: float = 30.0) -> None:
        self._look_s = look_s
        self._warm_up_s = warm_up_s

    async def models(self, base_url: str, *, key: Secret) -> tuple[str, ...] | None:
        url = f"{base_url}/v1/models"
        answer = await self._ask("GET", url, key=key, deadline_s=self._look_s)
        if answer is None:
            return None
        try:
            listed = msgspec.json.decode(answer, type=_Models)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return tuple(model.id for model in listed.data)

    async def under_way(self, base_url: str, *, key: Secret) -> int | None:
        answer = await self._ask("GET", f"{base_url}/metrics", key=key, deadline_s=self._look_s)
        counted = [] if answer is None else _UNDER_WAY.findall(answer)
        try:
            return round(sum(map(float, counted))) if counted else None
        except (ValueError, OverflowError):  # NaN, or more than anything
            return None

    async def warm_up(self, base_url: str, model_id: str, *, key: Secret) -> bool:
        body = {
            "model": model_id,
            "messages": [{"role": "user", "content": "ping"}],
            "max_tokens": 1,
            "temperature": 0,
            "stream": False,
        }
        url = f"{base_url}/v1/chat/completions"
        answer = await self._ask("POST", url, key=key, deadline_s=self._warm_up_s, body=body)
        return answer is not None

    async def _ask(
        self, method: str, url: str, *, key: Secret, deadline_s: float, body: object = None
    ) -> bytes | None:
        """Return the body of a good answer; anything else is none."""
        import httpx  # noqa: PLC0415 - where there is no engine, nobody needs it

        headers = {"Authorization": f"Bearer {key.reveal()}"}
        try:
            async with (
                asyncio.timeout(deadline_s),  # of the whole; that of httpx is of each read
                httpx.AsyncClient(timeout=deadline_s, trust_env=False) as client,
                client.stream(method, url, json=body, headers=headers) as response,
            ):
                if not response.is_success:
                    return None
                received = bytearray()
                async for chunk in response.aiter_bytes():
                    received += chunk
                    if len(received) > _MAX_BODY_BYTES:
                        return None
                return bytes(received)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return None
