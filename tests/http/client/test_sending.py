"""What is asked again, what must not be, and what is said when it fails; by both clients alike."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from decimal import Decimal
from typing import Any, Protocol

import httpx
import pytest

from inventiv_http.client import (
    AsyncInventiv,
    BrokenOff,
    Event,
    Inventiv,
    NotUnderstood,
    Patience,
    Place,
    Refused,
    Unreachable,
)
from inventiv_http.client.calls import CallMethod, StreamMethod

PLACE = Place(provider="p", zone="z", type="t")
ACCEPTED = {"status": "accepted", "instance_id": "i"}
URL = "http://inventiv.test"
NOW = Patience(retry_pauses_s=(0, 0), reconnect_pauses_s=(0, 0))

Answer = httpx.Response | Exception


class Caller(Protocol):
    """A client of either kind."""

    heard: list[httpx.Request]
    token: str

    async def ask(self, method: CallMethod[..., Any], *args: Any, **named: Any) -> Any:
        """Call a method, and return what comes."""

    def pieces(
        self, method: StreamMethod[..., Any], *args: Any, **named: Any
    ) -> AsyncGenerator[Any]:
        """Call a method, and yield what comes."""


class Scripted:
    """A server that gives these answers, and what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.heard: list[httpx.Request] = []
        self._coming = iter(answers)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        said = next(self._coming)
        if isinstance(said, Exception):
            raise said
        return said


class AwaitingCaller(Scripted):
    """Awaits."""

    def __init__(self, *answers: Answer, patience: Patience = NOW) -> None:
        super().__init__(*answers)
        self.client = AsyncInventiv(URL, "t", patience=patience, transport=self.transport)

    @property
    def token(self) -> str:
        return self.client.token

    async def ask(self, method: CallMethod[..., Any], *args: Any, **named: Any) -> Any:
        async with self.client:
            return await method.__get__(self.client, AsyncInventiv)(*args, **named)

    async def pieces(
        self, method: StreamMethod[..., Any], *args: Any, **named: Any
    ) -> AsyncGenerator[Any]:
        async with (
            self.client,
            aclosing(method.__get__(self.client, AsyncInventiv)(*args, **named)) as found,
        ):
            async for piece in found:
                yield piece


class WaitingCaller(Scripted):
    """Waits."""

    def __init__(self, *answers: Answer, patience: Patience = NOW) -> None:
        super().__init__(*answers)
        self.client = Inventiv(URL, "t", patience=patience, transport=self.transport)

    @property
    def token(self) -> str:
        return self.client.token

    async def ask(self, method: CallMethod[..., Any], *args: Any, **named: Any) -> Any:
        with self.client:
            return method.__get__(self.client, Inventiv)(*args, **named)

    async def pieces(
        self, method: StreamMethod[..., Any], *args: Any, **named: Any
    ) -> AsyncGenerator[Any]:
        with (
            self.client,
            closing(method.__get__(self.client, Inventiv)(*args, **named)) as found,
        ):
            for piece in found:
                yield piece


CallerOf = Callable[..., Caller]


@pytest.fixture(params=[AwaitingCaller, WaitingCaller])
def calling(request: pytest.FixtureRequest) -> CallerOf:
    kind: CallerOf = request.param
    return kind


def events(*events: str) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text="".join(events))


async def gather(pieces: AsyncGenerator[Any], seen: list[Any]) -> None:
    """Take all that comes, until it raises or ends."""
    async with aclosing(pieces):
        async for piece in pieces:
            seen.append(piece)  # noqa: PERF401 - what came before it raised is of interest


async def test_reading_survives_a_cut_connection(calling: CallerOf) -> None:
    caller = calling(httpx.ReadError("cut"), httpx.Response(200, json=[]))
    assert await caller.ask(Inventiv.models) == []
    assert len(caller.heard) == 2
    assert caller.heard[0].headers["authorization"] == "Bearer t"


async def test_reading_gives_up(calling: CallerOf) -> None:
    caller = calling(*[httpx.ReadError("cut")] * 9)
    with pytest.raises(Unreachable, match="stopped answering") as lost:
        await caller.ask(Inventiv.models)
    assert len(caller.heard) == 3
    assert (lost.value.call, lost.value.is_connected) == ("GET /models", True)


async def test_where_nobody_listens_nothing_has_happened(calling: CallerOf) -> None:
    with pytest.raises(Unreachable, match="No server answers at") as lost:
        await calling(*[httpx.ConnectError("no")] * 9).ask(Inventiv.reinstall, "i")
    assert not lost.value.is_connected


async def test_what_was_slow_is_not_asked_again(calling: CallerOf) -> None:
    caller = calling(*[httpx.ReadTimeout("slow")] * 9)
    with pytest.raises(Unreachable):
        await caller.ask(Inventiv.models)
    assert len(caller.heard) == 1


async def test_whether_a_server_lives_is_asked_once(calling: CallerOf) -> None:
    caller = calling(*[httpx.ConnectError("no")] * 9)
    with pytest.raises(Unreachable):
        await caller.ask(Inventiv.health)
    assert len(caller.heard) == 1


async def test_what_could_happen_twice_is_not_asked_again(calling: CallerOf) -> None:
    caller = calling(*[httpx.ReadError("cut")] * 9)
    with pytest.raises(Unreachable):
        await caller.ask(Inventiv.create_user, "a@b", password="secret")
    assert len(caller.heard) == 1


async def test_what_has_a_key_is_asked_again_with_the_same_one(calling: CallerOf) -> None:
    for key in (None, "mine"):
        caller = calling(httpx.ReadError("cut"), httpx.Response(200, json=ACCEPTED))
        assert await caller.ask(Inventiv.deploy, PLACE, model_id="m", key=key) == ACCEPTED
        first, second = (request.headers["idempotency-key"] for request in caller.heard)
        assert first == second
        assert first == key or (key is None and len(first) == 32)
    caller = calling(httpx.ReadError("cut"), httpx.Response(200, json={"wallet_balance_eur": 1.0}))
    await caller.ask(Inventiv.top_up, Decimal(1), user_id="u")
    first, second = (request.headers["idempotency-key"] for request in caller.heard)
    assert first == second


async def test_each_deployment_has_another_key(calling: CallerOf) -> None:
    keys: set[str] = set()
    for _ in range(2):
        caller = calling(httpx.Response(200, json=ACCEPTED))
        await caller.ask(Inventiv.deploy, PLACE, model_id="m")
        keys.add(caller.heard[0].headers["idempotency-key"])
    assert len(keys) == 2


async def test_other_calls_have_no_key(calling: CallerOf) -> None:
    caller = calling(httpx.Response(200, json=[]))
    await caller.ask(Inventiv.models)
    assert "idempotency-key" not in caller.heard[0].headers


async def test_a_caller_may_have_less_patience_than_is_usual(calling: CallerOf) -> None:
    caller = calling(httpx.Response(200, json={"providers": []}), patience=Patience(at_most_s=0.75))
    await caller.ask(Inventiv.export_catalog)
    assert set(caller.heard[0].extensions["timeout"].values()) == {0.75}
    caller = calling(httpx.Response(200, json={"providers": []}))
    await caller.ask(Inventiv.export_catalog)
    assert caller.heard[0].extensions["timeout"]["read"] == 90


async def test_an_id_cannot_leave_its_place_in_the_path(calling: CallerOf) -> None:
    caller = calling(httpx.Response(404, json={}))
    with pytest.raises(Refused):
        await caller.ask(Inventiv.instance, "../users?a=b")
    assert caller.heard[0].url.raw_path == b"/instances/..%2Fusers%3Fa%3Db"


async def test_the_stream_of_events_is_not_knocked_at_when_it_is_refused(
    calling: CallerOf,
) -> None:
    caller = calling(httpx.Response(403, json={"error": "forbidden"}))
    with pytest.raises(Refused):
        await anext(caller.pieces(Inventiv.events))
    assert len(caller.heard) == 1


async def test_the_stream_of_events_is_taken_up_where_it_broke_but_not_for_ever(
    calling: CallerOf,
) -> None:
    hello = 'event: hello\ndata: {"ok":true}\n\n'
    ours = 'id: 7\nevent: action_log.created\ndata: {"ids":["l"],"instance_ids":["i"]}\n\n'
    caller = calling(
        events(hello), events(hello, ours), httpx.Response(502), httpx.ReadError("cut")
    )
    seen: list[Event] = []
    with pytest.raises(Unreachable, match=f"events of {URL} is lost"):
        await gather(caller.pieces(Inventiv.events, instance_id="i"), seen)
    assert [event.instance_ids for event in seen] == [None, None, frozenset("i")]
    # Two after the last that told something, and no more.
    said = [request.headers.get("last-event-id") for request in caller.heard]
    assert said == [None, None, "7", "7"]


async def test_an_answer_in_pieces_ends_when_it_says_so_or_is_lost(calling: CallerOf) -> None:
    chunk = 'data: {"choices": []}\n\n'
    body = {"model": "m", "messages": []}
    caller = calling(events(chunk, "data: [DONE]\n\n", chunk))
    assert [piece async for piece in caller.pieces(Inventiv.complete_in_pieces, body)] == [
        {"choices": []}
    ]
    assert b'"stream":true' in caller.heard[0].content
    caller = calling(events(chunk), events(chunk))
    with pytest.raises(Unreachable, match="stopped before its end"):
        _ = [piece async for piece in caller.pieces(Inventiv.complete_in_pieces, body)]
    assert len(caller.heard) == 1  # it costs to be asked again


@pytest.mark.parametrize("error", ['{"message": "It is gone."}', '"It is gone."'])
async def test_an_answer_that_cannot_go_on_says_why(calling: CallerOf, error: str) -> None:
    caller = calling(events('data: {"choices": []}\n\n', f'data: {{"error": {error}}}\n\n'))
    seen: list[Any] = []
    with pytest.raises(BrokenOff, match=r"^The answer broke off: It is gone\.$"):
        await gather(caller.pieces(Inventiv.complete_in_pieces, {}), seen)
    assert len(seen) == 1


async def test_an_answer_that_takes_for_ever_is_given_up(
    calling: CallerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 10_000, 250))
    for module in ("asynchronous", "synchronous"):  # the loop's own time goes on
        monkeypatch.setattr(f"inventiv_http.client.{module}.monotonic", lambda: next(seconds))
    chunk = 'data: {"choices": []}\n\n'
    caller = calling(events(*[chunk] * 9))
    seen: list[Any] = []
    with pytest.raises(Unreachable, match="stopped answering"):
        await gather(caller.pieces(Inventiv.complete_in_pieces, {}), seen)
    assert len(seen) == 2  # after 250 and 500 of 600 seconds


def test_an_answer_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def trickle() -> Generator[bytes]:
        yield from [b" "] * 90

    caller = WaitingCaller(httpx.Response(200, content=trickle()))
    seconds = iter(range(100))
    monkeypatch.setattr("inventiv_http.client.synchronous.monotonic", lambda: next(seconds))
    with caller.client, pytest.raises(Unreachable, match="TimeoutError"):
        caller.client.models()
    assert next(seconds) < 40  # it may take 30


@pytest.mark.parametrize("data", ["{", "[]", "{}", '{"ids": 1}', ""])
def test_an_event_that_says_nothing_may_concern_anyone(data: str) -> None:
    assert Event.read("instance.updated", data).may_concern("i")


def test_an_event_about_others_does_not_concern_us() -> None:
    assert not Event.read("instance.updated", '{"ids": ["j"]}').may_concern("i")


def with_cookies(*cookies: str) -> httpx.Response:
    me = {"user_id": "u", "email": "a@b", "role": "user"}
    return httpx.Response(200, headers=[("set-cookie", cookie) for cookie in cookies], json=me)


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        (["a=1; Path=/", "inventiv_session=x.y.z; HttpOnly; Secure"], "x.y.z"),
        (["renamed=x.y.z; Path=/"], "x.y.z"),
    ],
)
async def test_the_token_is_in_a_cookie(calling: CallerOf, cookies: list[str], token: str) -> None:
    caller = calling(with_cookies(*cookies))
    await caller.ask(Inventiv.login, "ada", "secret")
    assert caller.token == token


@pytest.mark.parametrize("cookies", [[], ["a=1", "b=2"]])
async def test_no_cookie_is_no_session(calling: CallerOf, cookies: list[str]) -> None:
    with pytest.raises(NotUnderstood, match="opened no session"):
        await calling(with_cookies(*cookies)).ask(Inventiv.login, "ada", "secret")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda: httpx.Response(400, json={"error": "a", "message": "b", "detail": "c"}), "c."),
        (lambda: httpx.Response(400, json={"error": "a", "message": "b"}), "b."),
        (lambda: httpx.Response(400, json={"error": "a"}), "a."),
        (lambda: httpx.Response(400, json={"error": {"message": "m"}}), "m."),
        (lambda: httpx.Response(400, text="plain words"), "plain words."),
        (lambda: httpx.Response(502, html="<b>x</b>"), "The server answered 502 Bad Gateway."),
        (lambda: httpx.Response(307), "The server answered 307 Temporary Redirect."),
    ],
)
async def test_a_refusal_is_a_sentence(
    calling: CallerOf, answer: Callable[[], httpx.Response], sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        await calling(answer()).ask(Inventiv.models)
    assert refused.value.sentence == sentence


async def test_a_refusal_tells_programs_why(calling: CallerOf) -> None:
    body = {"error": "conflict", "message": "quota_exceeded", "detail": "d", "request_id": "r"}
    with pytest.raises(Refused) as refused:
        await calling(httpx.Response(409, json=body)).ask(Inventiv.models)
    assert refused.value.codes == {"conflict", "quota_exceeded"}
    assert (refused.value.status, refused.value.request_id) == (409, "r")


@pytest.mark.parametrize("text", ["<html>", "{}", '[{"id": "1"}]', "[1]"])
async def test_an_answer_of_something_else_is_not_taken(calling: CallerOf, text: str) -> None:
    with pytest.raises(NotUnderstood):
        await calling(httpx.Response(200, text=text)).ask(Inventiv.models)
