"""What is asked again, and what must not be."""

from collections.abc import Callable

import httpx
import pytest

from inventiv_http.cli.api import Server
from inventiv_http.cli.errors import CommandFailed, Refused, Unreachable
from inventiv_http.cli.wire import Event, Place

PLACE = Place(provider="p", zone="z", type="t")
pytestmark = pytest.mark.usefixtures("cli")  # nothing waits


def a_server(*answers: httpx.Response | Exception) -> tuple[Server, list[httpx.Request]]:
    """Return a server that gives these answers, and what it was asked."""
    heard: list[httpx.Request] = []
    coming = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        said = next(coming)
        if isinstance(said, Exception):
            raise said
        return said

    return Server("http://test", "t", transport=httpx.MockTransport(answer)), heard


async def test_reading_survives_a_cut_connection() -> None:
    server, heard = a_server(httpx.ReadError("cut"), httpx.Response(200, json=[]))
    async with server:
        assert await server.models() == []
    assert len(heard) == 2
    assert heard[0].headers["authorization"] == "Bearer t"


async def test_reading_gives_up() -> None:
    server, heard = a_server(*[httpx.ReadError("cut")] * 9)
    async with server:
        with pytest.raises(Unreachable, match="stopped answering"):
            await server.models()
    assert len(heard) == 3


async def test_what_was_slow_is_not_asked_again() -> None:
    server, heard = a_server(*[httpx.ReadTimeout("slow")] * 9)
    async with server:
        with pytest.raises(Unreachable):
            await server.models()
    assert len(heard) == 1


async def test_a_deployment_is_asked_for_once() -> None:
    server, heard = a_server(*[httpx.ReadError("cut")] * 9)
    async with server:
        with pytest.raises(Unreachable, match="may be rented all the same"):
            await server.deploy(PLACE, model_id="m")
    assert len(heard) == 1


async def test_a_deployment_that_failed_with_success_is_refused() -> None:
    body = {"status": "failed", "instance_id": "i", "message": "No stock"}
    server, _ = a_server(httpx.Response(200, json=body))
    async with server:
        with pytest.raises(Refused, match=r"No stock\."):
            await server.deploy(PLACE, model_id="m")


async def test_the_stream_of_events_is_not_knocked_at_when_it_is_refused() -> None:
    server, heard = a_server(httpx.Response(403, json={"error": "forbidden"}))
    async with server:
        with pytest.raises(Refused):
            await anext(server.events(instance_id="i"))
    assert len(heard) == 1


async def test_the_stream_of_events_is_opened_again_but_not_for_ever() -> None:
    def stream(*events: str) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-type": "text/event-stream"}, text="".join(events)
        )

    hello = 'event: hello\ndata: {"ok":true}\n\n'
    ours = 'event: action_log.created\ndata: {"ids":["l"],"instance_ids":["i"]}\n\n'
    server, heard = a_server(
        stream(hello), stream(hello, ours), httpx.Response(502), httpx.ReadError("cut")
    )
    seen: list[Event] = []

    async def listen() -> None:
        async for event in server.events(instance_id="i"):
            seen.append(event)  # noqa: PERF401 — it ends by raising

    async with server:
        with pytest.raises(Unreachable, match="is lost"):
            await listen()
    assert [event.instance_ids for event in seen] == [None, None, frozenset("i")]
    assert len(heard) == 4  # two after the last that told something, and no more


@pytest.mark.parametrize("data", ["{", "[]", "{}", '{"ids": 1}', ""])
def test_an_event_that_says_nothing_may_concern_anyone(data: str) -> None:
    assert Event.read("instance.updated", data).may_concern("i")


def test_an_event_about_others_does_not_concern_us() -> None:
    assert not Event.read("instance.updated", '{"ids": ["j"]}').may_concern("i")


def with_cookies(*cookies: str) -> httpx.Response:
    return httpx.Response(200, headers=[("set-cookie", cookie) for cookie in cookies], json={})


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        (["a=1; Path=/", "inventiv_session=x.y.z; HttpOnly; Secure"], "x.y.z"),
        (["renamed=x.y.z; Path=/"], "x.y.z"),
    ],
)
async def test_the_token_is_in_a_cookie(cookies: list[str], token: str) -> None:
    server, _ = a_server(with_cookies(*cookies))
    async with server:
        assert await server.login("ada", "secret") == token


@pytest.mark.parametrize("cookies", [[], ["a=1", "b=2"]])
async def test_no_cookie_is_no_session(cookies: list[str]) -> None:
    server, _ = a_server(with_cookies(*cookies))
    async with server:
        with pytest.raises(CommandFailed, match="opened no session"):
            await server.login("ada", "secret")


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
async def test_a_refusal_is_a_sentence(answer: Callable[[], httpx.Response], sentence: str) -> None:
    server, _ = a_server(answer())
    async with server:
        with pytest.raises(Refused) as refused:
            await server.models()
    assert refused.value.sentence == sentence
