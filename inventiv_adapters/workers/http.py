"""An orchestrator of others, over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from inventiv_core.workers.entities import ForwardedAnswer, ForwardedMessage
from inventiv_core.workers.errors import OrchestratorUnreachable
from inventiv_core.workers.ports import ExternalOrchestrator

if TYPE_CHECKING:
    import httpx

_DEADLINE_S: Final = 2.5
"""Agents wait for three seconds."""
_MAX_ANSWER_BYTES: Final = 64 * 1024


class HttpOrchestrator(ExternalOrchestrator):
    """Its two routes for workers. Never follows a redirect: a token would go with it."""

    def __init__(self, url: str | None, *, deadline_s: float = _DEADLINE_S) -> None:
        self._url = (url or "").rstrip("/")
        self._deadline_s = deadline_s
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def forward(self, message: ForwardedMessage) -> ForwardedAnswer:
        import httpx  # noqa: PLC0415 - seldom is there such an orchestrator

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._deadline_s, trust_env=False)
        headers = {"Content-Type": message.content_type}
        if message.authorization is not None:
            headers["Authorization"] = message.authorization
        if message.ip_address is not None:
            headers |= {"X-Forwarded-For": message.ip_address, "X-Real-IP": message.ip_address}
        url = f"{self._url}/internal/worker/{message.action}"
        try:
            async with (
                asyncio.timeout(self._deadline_s),  # of the whole; that of httpx is of each read
                self._client.stream("POST", url, content=message.body, headers=headers) as answer,
            ):
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_ANSWER_BYTES:
                        raise OrchestratorUnreachable
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise OrchestratorUnreachable from error
        return ForwardedAnswer(
            status_code=answer.status_code,
            content_type=answer.headers.get("Content-Type", "application/json"),
            body=bytes(body),
        )
