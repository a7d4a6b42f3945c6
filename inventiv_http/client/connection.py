"""What both clients do alike: how a call looks on the wire, how often it is sent, how it fails."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from ipaddress import ip_address
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx

from inventiv_http.client.calls import Call, Session, Stream
from inventiv_http.client.errors import CallFailed, NotUnderstood, Refused, Unreachable

CONNECT_S: Final = 5.0
SESSION_COOKIE: Final = "inventiv_session"
KEY_BYTES: Final = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client waits, and how often it tries."""

    at_most_s: float | None = None
    """The longest any call may take, streams excepted; by default, what each one usually may."""
    retry_pauses_s: tuple[float, ...] = (0.2, 0.8)
    """Before what may be repeated is sent again, when a connection fails; what is slow never is."""
    reconnect_pauses_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0)
    """Before a stream that broke is taken up again; they begin anew once it works."""

    def for_call(self, call: Call[Any]) -> float:
        """Return how long this call may take each time it is sent."""
        return call.within_s if self.at_most_s is None else min(call.within_s, self.at_most_s)


def options(url: str, token: str) -> dict[str, Any]:
    """Return how a client of either kind is made."""
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        # A cookie would go before the token: keep none.
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # A proxy of the environment cannot reach this machine's own loopback.
        "trust_env": not _is_on_this_machine(url),
    }


def call_request(
    client: httpx.Client | httpx.AsyncClient, call: Call[Any], *, within_s: float
) -> httpx.Request:
    """Return how a call looks on the wire."""
    key = call.key or secrets.token_hex(KEY_BYTES)
    return client.build_request(
        call.method,
        call.path.format_map({name: quote(id_, safe="") for name, id_ in call.ids.items()}),
        params=_query(call.query),
        json=call.body,
        headers={"Idempotency-Key": key} if call.takes_key else {},
        timeout=httpx.Timeout(within_s, connect=min(CONNECT_S, within_s)),
    )


def stream_request(
    client: httpx.Client | httpx.AsyncClient, stream: Stream[Any], *, last_id: str
) -> httpx.Request:
    """Return how a stream is asked for; ``last_id`` is what was heard last, if anything was."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    return client.build_request(
        stream.method,
        stream.path,
        params=_query(stream.query),
        json=stream.body,
        headers=headers | ({"Last-Event-ID": last_id} if last_id else {}),
        timeout=httpx.Timeout(stream.silence_s, connect=CONNECT_S),
    )


def session_token(call: Call[Any], response: httpx.Response) -> str | None:
    """Return the token that the answer brings in its cookie, whatever the cookie is called.

    Raises:
        NotUnderstood: It should bring one, and does not.
    """
    if call.session is Session.KEPT:
        return None
    cookies = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        cookies.load(header)
    if SESSION_COOKIE in cookies:
        return cookies[SESSION_COOKIE].value
    if len(cookies) == 1:
        return next(iter(cookies.values())).value
    if call.session is Session.OPENED:
        raise NotUnderstood(
            sentence=f"{response.url.netloc.decode()} accepted the password but opened no session."
        )
    return None


class Attempts:
    """Sendings of one call, of which the first answer counts."""

    def __init__(self, call: Call[Any], url: str, patience: Patience) -> None:
        self._call = call
        self._url = url
        self._pauses = iter(patience.retry_pauses_s if call.is_repeatable else ())

    def pause_after(self, error: Exception) -> float:
        """Return for how many seconds to wait before it is sent again.

        Raises:
            Unreachable: It is not.
        """
        is_slow = isinstance(error, httpx.TimeoutException | TimeoutError)
        pause = None if is_slow else next(self._pauses, None)
        if pause is None:
            raise silence(error, self._url, self._call.name) from error
        return pause


class Reconnections(Generic[T]):
    """Connections of one stream, one after the other."""

    def __init__(self, stream: Stream[T], url: str, patience: Patience) -> None:
        self._stream = stream
        self._url = url
        self._patience = patience
        self._pauses = self._all_pauses()

    def heard(self, piece: T) -> None:
        """Begin the pauses anew if this proves that the connection works."""
        if self._stream.goes_on is not None and self._stream.goes_on(piece):
            self._pauses = self._all_pauses()

    def pause_after(self, error: Exception | None) -> float:
        """Return for how many seconds to wait before it is taken up again.

        Raises:
            Refused: The server does not want that.
            Unreachable: It is lost.
        """
        if isinstance(error, Refused) and (
            self._stream.goes_on is None or error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            raise error
        pause = next(self._pauses, None)
        if pause is None:
            raise self._loss(error) from error
        return pause

    def _loss(self, error: Exception | None) -> CallFailed:
        if self._stream.goes_on is None and isinstance(error, httpx.RequestError):
            return silence(error, self._url, self._stream.name)
        return Unreachable(
            sentence=self._stream.lost.format(url=self._url),
            call=self._stream.name,
            is_connected=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout),
        )

    def _all_pauses(self) -> Iterator[float]:
        return iter(() if self._stream.goes_on is None else self._patience.reconnect_pauses_s)


def silence(error: Exception, url: str, call: str) -> Unreachable:
    """Say that nobody answers, or not any more."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Unreachable(sentence=f"No server answers at {url}.", call=call, is_connected=False)
    return Unreachable(
        sentence=f"{url} stopped answering ({type(error).__name__}).",
        call=call,
        is_connected=True,
    )


def _query(query: Mapping[str, str | int | float | None]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }


def _is_on_this_machine(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
