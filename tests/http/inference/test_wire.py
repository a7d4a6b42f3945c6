"""The bytes of the OpenAI protocol."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inventiv_core.inference.entities.usage import TokenCounts
from inventiv_http.inference import wire
from tests.http.inference.engine import DONE, USAGE_EVENT, chunk

NINE_AND_THREE = TokenCounts(input_tokens=9, output_tokens=3, total_tokens=12)
SEPARATORS = (b"\n\n", b"\r\n\r\n", b"\r\r")

texts = st.text(st.sampled_from('ab "usage{}:,é\\'), max_size=12)


def an_event(text: str, **more: Any) -> bytes:
    fields = {"choices": [{"index": 0, "delta": {"content": text}}], **more}
    return b"data: " + json.dumps(fields).encode()


def usage_event(used: int, made: int) -> bytes:
    usage = {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}
    return b"data: " + json.dumps({"choices": [], "usage": usage}).encode()


speaking = st.one_of(
    texts.map(an_event),
    texts.map(lambda text: an_event(text, usage=None)),
    st.just(b": keep-alive"),
    st.just(b"data: [DONE]"),
    texts.map(lambda text: b"data: " + text.encode()),
)
counting = st.builds(usage_event, st.integers(0, 99), st.integers(0, 99))
streams = st.lists(st.tuples(speaking | counting, st.sampled_from(SEPARATORS)), max_size=6)


@st.composite
def split(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def relayed(parts: list[bytes], *, hide_usage: bool) -> tuple[bytes, TokenCounts | None]:
    relay = wire.EventRelay(hide_usage=hide_usage)
    passed = b"".join([*map(relay.feed, parts), relay.rest()])
    return passed, relay.used


@given(streams, st.booleans(), st.data())
def test_however_a_stream_is_cut_the_same_passes(
    events: list[tuple[bytes, bytes]],
    hide_usage: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    whole = b"".join(event + end for event, end in events)
    kept = (
        event + end
        for event, end in events
        if not (hide_usage and b'"choices": [], "usage"' in event)
    )
    counts = [wire.token_counts(event[6:]) for event, _ in events if b'"choices": []' in event]
    expected = b"".join(kept), counts[-1] if counts else None
    assert relayed([whole], hide_usage=hide_usage) == expected
    assert relayed(data.draw(split(whole)), hide_usage=hide_usage) == expected


@pytest.mark.parametrize("end", SEPARATORS)
def test_whole_events_pass_at_once_and_half_ones_wait(end: bytes) -> None:
    relay = wire.EventRelay(hide_usage=True)
    one, two = an_event("one") + end, an_event("two") + end
    assert relay.feed(one + two[:9]) == one
    assert relay.feed(two[9:-1]) == b""
    assert relay.feed(two[-1:]) == two


@pytest.mark.parametrize(
    "event",
    [
        an_event('he said "usage" twice'),
        an_event("one", usage=None),
        an_event("one", usage={"prompt_tokens": 1, "total_tokens": 2}),  # and text beside it
        b'data: {"choices":[],"usage":null}',
        b'data: {"choices":[],"usage":{}}',
        b'data: {"choices":[],"usage":"none"}',
        b'data: not json, but "usage"',
        b': a comment about "usage"',
    ],
)
def test_only_events_of_usage_alone_are_left_out(event: bytes) -> None:
    assert relayed([event + b"\n\n"], hide_usage=True)[0] == event + b"\n\n"


@pytest.mark.parametrize("before", [b"", b"event: x\n", b": hm\nid: 7\n", b"\n\n"])
@pytest.mark.parametrize("space", [b"", b" "])
def test_usage_is_found_wherever_the_standard_allows_it(before: bytes, space: bytes) -> None:
    event = before + USAGE_EVENT.replace(b"data: ", b"data:" + space)
    assert relayed([event], hide_usage=False) == (event, NINE_AND_THREE)
    hidden, used = relayed([event + DONE], hide_usage=True)
    assert (hidden.strip(), used) == (DONE.strip(), NINE_AND_THREE)


def test_usage_beside_text_is_counted_and_the_last_word_counts() -> None:
    first = an_event("a", usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2})
    passed, used = relayed([first + b"\n\n" + USAGE_EVENT], hide_usage=True)
    assert (passed, used) == (first + b"\n\n", NINE_AND_THREE)


def test_an_event_that_never_ends_is_not_kept_for_ever() -> None:
    relay = wire.EventRelay(hide_usage=True)
    endless = b"data: " + b"x" * 300_000
    assert relay.feed(endless) == endless
    assert relay.feed(chunk("one")) == chunk("one")


@pytest.mark.parametrize("said", [b"[" * 5000, b'{"\xff":1}', b'{"x":"\xff"}', b'"\xff"'])
def test_what_cannot_be_read_of_an_answer_passes_and_counts_for_nothing(said: bytes) -> None:
    event = b'data: {"choices":' + said + b',"usage":{}}\n\n'
    assert relayed([event], hide_usage=True) == (event, None)
    assert wire.token_counts(said) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}, (9, 3, 12)),
        ({"usage": {"prompt_tokens": 9, "total_tokens": 9}}, (9, 0, 9)),  # embeddings
        ({"usage": {"prompt_tokens": 9, "completion_tokens": 3}}, (9, 3, 12)),
        ({"usage": {"total_tokens": 9}}, (0, 0, 9)),
        ({"usage": {"completion_tokens": 9}}, None),
        ({"usage": {"prompt_tokens": "many"}}, None),
        ({"usage": None}, None),
        ({}, None),
        ([], None),
    ],
)
def test_what_an_answer_says_was_used(answer: Any, expected: tuple[int, int, int] | None) -> None:
    counts = wire.token_counts(json.dumps(answer).encode())
    found = counts and (counts.input_tokens, counts.output_tokens, counts.total_tokens)
    assert found == expected


@given(st.data())
def test_a_plain_answer_passes_untouched_and_is_read_at_the_end(data: st.DataObject) -> None:
    answer = b'{"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}'
    relay = wire.PlainRelay()
    parts = data.draw(split(answer))
    assert [relay.feed(part) for part in parts] == parts
    assert (relay.rest(), relay.used) == (b"", NINE_AND_THREE)


def test_a_plain_answer_that_is_too_large_to_keep_passes_all_the_same() -> None:
    relay = wire.PlainRelay()
    large = b"x" * 300_000
    assert relay.feed(large) == large
    assert relay.used is None


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=4), st.booleans(), st.booleans())
@example({"stream_options": {"include_usage": False, "other": 1}}, True, True)  # noqa: FBT003
def test_a_rewritten_body_says_the_same_to_the_engine_by_its_own_name(
    more: dict[str, Any],
    stream: bool,  # noqa: FBT001
    asks: bool,  # noqa: FBT001
) -> None:
    sent = {**more, "model": "mine", "stream": stream}
    sent.pop("stream_options", None)
    if asks:
        sent["stream_options"] = {"include_usage": True}
    body = json.dumps(sent, ensure_ascii=False).encode()
    expected = {**sent, "model": "theirs"}
    if stream:
        expected["stream_options"] = {"include_usage": True}
    assert json.loads(wire.rewritten(body, model_id="theirs", asked=wire.head(body))) == expected


@pytest.mark.parametrize(
    "number", ["1e400", "0.30000000000000004", "12345678901234567890123", "1.0"]
)
def test_values_that_are_none_of_our_business_keep_their_bytes(number: str) -> None:
    body = b'{"model": "mine", "seed": ' + number.encode() + b"}"
    rewritten = wire.rewritten(body, model_id="theirs", asked=wire.head(body))
    assert rewritten == b'{"model": "theirs", "seed": ' + number.encode() + b"}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{ "model" :\n"mine" , "n": 1}', b'{ "model" :\n"theirs" , "n": 1}'),
        (b'{"model":"m\\u0069ne"}', b'{"model":"theirs"}'),
        (b'{"a":{"model":"mine"},"model":"mine"}', b'{"a":{"model":"mine"},"model":"theirs"}'),
        (b'{"a":"\\"model\\":","model":"mine"}', b'{"a":"\\"model\\":","model":"theirs"}'),
        (b'{"a":"model","model":"mine"}', b'{"a":"model","model":"theirs"}'),
        (b'{"model":"mine","model":"mine"}', b'{"model":"theirs"}'),
    ],
)
def test_the_name_is_replaced_where_it_is_the_name(body: bytes, expected: bytes) -> None:
    assert wire.rewritten(body, model_id="theirs", asked=wire.head(body)) == expected


def test_usage_is_asked_for_beside_what_else_is_wanted() -> None:
    body = b'{"model":"m","stream":true,"stream_options":{"continuous":1.0}}'
    asked = wire.head(body)
    rewritten = wire.rewritten(body, model_id="m", asked=asked)
    assert rewritten.endswith(b'"stream_options":{"continuous":1.0,"include_usage":true}}')
    assert wire.rewritten(body, model_id="m", asked=asked, adds_usage=False) is body
    body = b' {"model":"m", "stream":true}'
    assert wire.rewritten(body, model_id="m", asked=wire.head(body)) == (
        b' {"stream_options":{"include_usage":true},"model":"m", "stream":true}'
    )


@pytest.mark.parametrize(
    ("body", "beginning"),
    [
        ({"messages": ["one", "two", "three"]}, b'"one","two"'),
        ({"messages": ["one"]}, b'"one"'),
        ({"messages": []}, b""),
        ({"messages": "none"}, b""),
        ({"prompt": "Once upon a time"}, b'"Once upon a'),
        ({"input": "not a prompt"}, b""),
    ],
)
def test_a_prompt_begins_with_what_a_conversation_keeps(body: Any, beginning: bytes) -> None:
    assert wire.beginning(wire.head(json.dumps(body).encode()), size_bytes=12) == beginning


def test_the_usage_of_responses_has_other_words_and_is_found_all_the_same() -> None:
    usage = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
    usage_in = usage | {"input_tokens_details": {"cached_tokens": 8}}
    expected = replace(NINE_AND_THREE, cached_tokens=8)
    assert wire.token_counts(json.dumps({"usage": usage_in}).encode()) == expected
    event = (
        b"event: response.completed\ndata: "
        + json.dumps({"type": "response.completed", "response": {"usage": usage_in}}).encode()
    )
    assert relayed([event + b"\n\n"], hide_usage=True) == (event + b"\n\n", expected)


def test_what_an_engine_had_seen_before_is_counted() -> None:
    usage = {"prompt_tokens": 9, "total_tokens": 12, "completion_tokens": 3}
    answer = {"usage": usage | {"prompt_tokens_details": {"cached_tokens": 4}}}
    counts = wire.token_counts(json.dumps(answer).encode())
    assert counts == replace(NINE_AND_THREE, cached_tokens=4)


@given(streams, st.data())
def test_events_are_counted_however_a_stream_is_cut(
    events: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    whole = b"".join(event + end for event, end in events)
    relay = wire.EventRelay(hide_usage=False)
    for part in data.draw(split(whole)):
        relay.feed(part)
    assert relay.size_bytes == len(whole)
    assert relay.events == sum(event.count(b"data: {") for event, _ in events)


@pytest.mark.parametrize(
    "options",
    [b"", b', "stream": false', b', "stream":true,"stream_options":{"include_usage":true}'],
)
def test_a_body_that_needs_no_change_is_not_touched(options: bytes) -> None:
    body = b'{ "model" : "same"' + options + b"}"
    assert wire.rewritten(body, model_id="same", asked=wire.head(body)) is body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"model":1}',
        b'{"stream":"no"}',
        b'{"model":"\xff"}',
        b'{"model":"m","\xff":1}',
        b'{"model":"m","messages":["\xff"]}',
        b'\xef\xbb\xbf{"model":"m"}',
        '{"model":"m"}'.encode("utf-16"),
        b'{"model":"m","messages":' + b"[" * 5000,
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        wire.head(body)
