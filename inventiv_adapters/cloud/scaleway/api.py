"""The way to Scaleway's API and back: one question, and an answer that says what it is.

Authentication is a header, ``X-Auth-Token`` (https://www.scaleway.com/en/developers/api/).
Errors are JSON with a ``type``: ``invalid_arguments``, ``quotas_exceeded``, ``out_of_stock``,
``transient_state``, ``not_found``, ``permissions_denied`` are the standard ones; the Instance
API says ``unknown_resource`` and ``invalid_request_error``, too (scaleway-sdk-go, scw/errors.go).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias, TypeVar

import httpx
import msgspec
import structlog

from inventiv_core.cloud.entities import Denied, RefusalReason, Throttled, Unknown
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.secrets import Secret

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Result = TypeVar("Result", bound=msgspec.Struct)
Paged = TypeVar("Paged", bound="Page")

_MAX_BODY_BYTES: Final = 8_000_000
_LONGEST_DETAIL: Final = 300
_ABSENT_TYPES: Final = frozenset({"not_found", "unknown_resource"})
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Nothing was sent: it is safe to try again, whatever it was."""
_TOO_OFTEN: Final = 429
_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NotThere:
    """The API itself says that there is no such thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The API has understood, and says no."""

    reason: RefusalReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One question to the API."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    body: Mapping[str, Any] | None = None
    text: str | None = field(default=None, repr=False)
    """What to send instead of JSON. May hold secrets."""

    @property
    def is_repeatable(self) -> bool:
        """Whether asking twice does no more than asking once."""
        return self.method != "POST"


Failure: TypeAlias = NotThere | Rejected | Denied | Throttled | Unknown


class Page(msgspec.Struct, kw_only=True):
    """A part of a list, and how long the list is, if that is said."""

    total_count: int | None = None
    """Instances say it in a header, ``X-Total-Count``; others here."""


class Nothing(msgspec.Struct):
    """An answer whose content does not matter."""


class _Lacking(msgspec.Struct):
    resource: str = ""
    action: str = ""
    argument_name: str = ""
    help_message: str = ""


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""
    details: list[_Lacking] = []
    fields: dict[str, list[str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """How often, and how long, to try."""

    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0
    call_s: float = 20.0
    """For one call, from the connection to the end of the answer."""
    whole_s: float = 45.0
    """For all attempts and pauses together."""


class ScalewayApi:
    """Asks, patiently: again after failures that pass, less and less often, and not for ever."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        secret_key: Secret | None,
        chance: Chance,
        politeness: Politeness | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take a client that follows no redirects: the key is for one host only."""
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._secret_key = secret_key
        self._chance = chance
        self._politeness = politeness or Politeness()
        self._sleep = sleep

    def with_key(self, secret_key: Secret) -> "ScalewayApi":
        """Return the same way for another key."""
        return ScalewayApi(
            self._client,
            base_url=self._base_url,
            secret_key=secret_key,
            chance=self._chance,
            politeness=self._politeness,
            sleep=self._sleep,
        )

    async def ask(self, wanted: Wanted, into: type[Result]) -> Result | Failure:
        """Return the answer, read as ``into``, or why there is none."""
        try:
            async with asyncio.timeout(self._politeness.whole_s):
                return await self._ask(wanted, into)
        except TimeoutError:
            return Unknown(detail="Scaleway did not answer in time.")

    async def pages(
        self,
        wanted: Wanted,
        into: type[Paged],
        *,
        size_name: str,
        size_of: Callable[[Paged], int],
        most: int = 200,
    ) -> list[Paged] | Failure:
        """Return all pages of a list, or why there is none: a part is nothing to go by."""
        read: list[Paged] = []
        seen = 0
        for page in range(1, most + 1):
            params = {**wanted.params, "page": page, size_name: _PAGE}
            asked = Wanted(method=wanted.method, path=wanted.path, params=params)
            answer = await self.ask(asked, into)
            if isinstance(answer, NotThere | Rejected | Denied | Throttled | Unknown):
                return answer
            read.append(answer)
            size, total = size_of(answer), answer.total_count
            seen += size
            if not size or (size < _PAGE if total is None else seen >= total):
                return read
        return Unknown(detail="Scaleway's list does not end.")

    async def _ask(self, wanted: Wanted, into: type[Result]) -> Result | Failure:
        attempt = 0
        while True:
            attempt += 1
            answer, may_repeat = await self._once(wanted, into)
            if isinstance(answer, into | NotThere | Rejected | Denied):
                return answer
            pause_s = self._pause_s(attempt, answer)
            given_up = not may_repeat or pause_s is None or attempt >= self._politeness.attempts
            log.warning(
                "scaleway_trouble",
                method=wanted.method,
                path=wanted.path,
                attempt=attempt,
                trouble=type(answer).__name__,
                given_up=given_up,
            )
            if given_up or pause_s is None:
                return answer
            await self._sleep(pause_s)

    def _pause_s(self, attempt: int, answer: object) -> float | None:
        """Return how long to wait; ``None`` if Scaleway wants more patience than we have."""
        polite = self._politeness
        if isinstance(answer, Throttled) and answer.retry_after is not None:
            asked_s = answer.retry_after.total_seconds()
            return asked_s if asked_s <= polite.longest_pause_s else None
        doubled = polite.first_pause_s * 2.0 ** (attempt - 1)
        return min(doubled, polite.longest_pause_s) * (0.5 + self._chance() / 2)

    async def _once(self, wanted: Wanted, into: type[Result]) -> tuple[Result | Failure, bool]:
        """Ask once; say, too, whether it would be safe to ask again."""
        try:
            async with asyncio.timeout(self._politeness.call_s):
                status, headers, data = await self._send(wanted)
        except _UNSENT:
            return Unknown(detail="Scaleway could not be reached."), True
        except (httpx.HTTPError, TimeoutError):
            return Unknown(detail="The connection to Scaleway broke."), wanted.is_repeatable
        if 200 <= status < 300:  # noqa: PLR2004 - every kind of success
            return self._read(headers, data, into), wanted.is_repeatable
        failure = self._failure(status, headers, data)
        return failure, wanted.is_repeatable or isinstance(failure, Throttled)

    async def _send(self, wanted: Wanted) -> tuple[int, httpx.Headers, bytes]:
        key = self._secret_key
        headers = {} if key is None else {"X-Auth-Token": key.reveal()}
        if wanted.text is not None:
            headers["Content-Type"] = "text/plain"
        request = self._client.build_request(
            wanted.method,
            self._base_url + wanted.path,
            params=dict(wanted.params),
            json=wanted.body if wanted.text is None else None,
            content=wanted.text,
            headers=headers,
            timeout=self._politeness.call_s,
        )
        response = await self._client.send(request, stream=True)
        try:
            received = bytearray()
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > _MAX_BODY_BYTES:
                    message = "the answer is too long"
                    raise httpx.DecodingError(message)
            return response.status_code, response.headers, bytes(received)
        finally:
            await response.aclose()

    @staticmethod
    def _read(headers: httpx.Headers, data: bytes, into: type[Result]) -> Result | Unknown:
        if into is Nothing:
            return into()
        try:
            answer = msgspec.json.decode(data, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Unknown(detail="Scaleway's answer was not understood.")
        if isinstance(answer, Page) and answer.total_count is None:
            answer.total_count = _count(headers.get("X-Total-Count"))
        return answer

    def _failure(self, status: int, headers: httpx.Headers, data: bytes) -> Failure:
        error = _error(data)
        detail = self._detail(status, error)
        if status == _TOO_OFTEN:
            return Throttled(retry_after=_retry_after(headers.get("Retry-After")))
        if error is not None and error.type in _REASONS:
            return Rejected(reason=_REASONS[error.type], detail=detail)
        if status in {401, 403}:
            return Denied(detail=detail)
        if status == 404 and error is not None and error.type in _ABSENT_TYPES:  # noqa: PLR2004
            return NotThere()
        if status in {400, 422} and error is not None:
            return Rejected(reason=RefusalReason.INVALID, detail=detail)
        return Unknown(detail=detail)

    def _detail(self, status: int, error: _Error | None) -> str:
        """Return what Scaleway says, on one line and without our key, should it repeat that."""
        words = [f"Scaleway said {status}"]
        if error is not None:
            words += [error.type, error.message]
            words += [f"{one.action} {one.resource}".strip() for one in error.details]
            words += [f"{one.argument_name} {one.help_message}".strip() for one in error.details]
            words += [f"{name}: {' '.join(what)}" for name, what in error.fields.items()]
        text = " ".join(", ".join(word for word in words if word).split())
        if self._secret_key is not None and self._secret_key.reveal():
            text = text.replace(self._secret_key.reveal(), "…")
        return text[:_LONGEST_DETAIL]


_REASONS: Final = {
    "out_of_stock": RefusalReason.OUT_OF_STOCK,
    "quotas_exceeded": RefusalReason.QUOTA,
}


def _error(data: bytes) -> _Error | None:
    try:
        return msgspec.json.decode(data, type=_Error)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"\d{1,9}", value) else None


def _retry_after(value: str | None) -> timedelta | None:
    """Read the header (RFC 9110, 10.2.3) if it counts seconds; a date is as good as nothing."""
    if value is None or not re.fullmatch(r"\d{1,6}", value.strip()):
        return None
    return timedelta(seconds=int(value))
