"""What is written in one turn leaves at its end, whole and in order."""

import asyncio
from typing import Any, cast

import pytest

from inventiv_http.connections.outbox import LateTransport, Outbox

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Line:
    """What is written, in the pieces it is written in."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Take some."""
        assert not self.is_closed
        self.written.append(data)

    def close(self) -> None:
        """Take no more."""
        self.is_closed = True

    def is_closing(self) -> bool:
        """Tell whether it takes no more."""
        return self.is_closed

    def get_extra_info(self, name: str) -> str:
        """Return what it was asked for."""
        return name


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def transport(line: Line, outbox: Outbox) -> LateTransport:
    return LateTransport(cast("Any", line), outbox)


async def test_head_and_body_are_one_packet(line: Line, transport: LateTransport) -> None:
    transport.write(HEAD)
    transport.write(b"body")
    assert line.written == []
    await asyncio.sleep(0)
    transport.write(b"more")
    await asyncio.sleep(0)
    assert line.written == [HEAD + b"body", b"more"]


async def test_everybody_gets_their_own_in_order(outbox: Outbox, line: Line) -> None:
    other = Line()
    for number in range(3):
        for one in (line, other):
            outbox.write(cast("Any", one), b"%d" % number)
    await asyncio.sleep(0)
    assert line.written == other.written == [b"0", b"1", b"2"]


async def test_nothing_is_lost_when_the_line_is_closed(
    line: Line, transport: LateTransport
) -> None:
    transport.write(HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert (line.written, transport.is_closing()) == ([HEAD], True)


@pytest.mark.parametrize("position", [0, 1])
async def test_a_line_that_is_gone_does_not_keep_the_others_waiting(
    outbox: Outbox, position: int
) -> None:
    lines = [Line(), Line()]
    for one in lines:
        outbox.write(cast("Any", one), b"news")
    lines[position].close()
    await asyncio.sleep(0)
    assert lines[1 - position].written == [b"news"]


async def test_what_is_written_at_once_comes_after_what_waits(line: Line, outbox: Outbox) -> None:
    one = cast("Any", line)
    outbox.write_now(one, b"1")
    assert line.written == [b"1"]
    outbox.write(one, b"2")
    outbox.write_now(one, b"3")
    assert line.written == [b"1"]
    await asyncio.sleep(0)
    assert b"".join(line.written) == b"123"
    line.close()
    outbox.write_now(one, b"4")  # nobody is there any more


async def test_what_is_written_while_it_is_sent_is_sent_next(line: Line, outbox: Outbox) -> None:
    class Answering(Line):
        def write(self, data: bytes) -> None:
            super().write(data)
            outbox.write(cast("Any", line), b"so " + data)

    outbox.write(cast("Any", Answering()), b"it is")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert line.written == [b"so it is"]


async def test_it_is_the_line_in_all_else(transport: LateTransport) -> None:
    assert transport.get_extra_info("peername") == "peername"
