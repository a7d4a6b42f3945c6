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
    outbox = Outbox()
    outbox.has_lines = True
    return outbox


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


@pytest.fixture
async def alone(outbox: Outbox) -> Line:
    """A line that has been the only one to be written to, for some turns."""
    line = Line()
    for _ in range(5):
        outbox.post(cast("Any", line), b"")
        await asyncio.sleep(0)
    line.written.clear()
    return line


async def test_who_is_alone_is_written_to_at_once_and_who_comes_after_that_waits(
    outbox: Outbox, alone: Line, line: Line
) -> None:
    for one in (alone, alone, line, alone, line):
        outbox.post(cast("Any", one), b".")
    assert (alone.written, line.written) == ([b".", b"."], [])
    await asyncio.sleep(0)
    assert (b"".join(alone.written), b"".join(line.written)) == (b"...", b"..")
    outbox.post(cast("Any", alone), b"!")  # but nobody is alone now
    assert alone.written[-1] != b"!"
    await asyncio.sleep(0)
    assert alone.written[-1] == b"!"


async def test_who_was_alone_and_is_gone_is_not_written_to(outbox: Outbox, alone: Line) -> None:
    alone.close()
    outbox.post(cast("Any", alone), b".")
    await asyncio.sleep(0)
    assert alone.written == []


async def test_what_must_come_before_what_is_sent_does(line: Line, outbox: Outbox) -> None:
    def errand() -> None:
        assert line.written == []
        done.append(True)

    done: list[bool] = []
    outbox.post(cast("Any", line), b"1")
    outbox.before(errand)
    outbox.write_now(cast("Any", line), b"2")
    assert not done
    await asyncio.sleep(0)
    assert (done, line.written) == ([True], [b"12"])
    line.written.clear()
    outbox.before(errand)  # though nothing is to be sent at all
    await asyncio.sleep(0)
    assert done == [True, True]


async def test_what_is_sent_at_once_waits_for_what_must_come_before(
    outbox: Outbox, alone: Line
) -> None:
    done: list[int] = []
    outbox.before(lambda: done.append(len(alone.written)))
    assert not done
    outbox.post(cast("Any", alone), b".")
    assert (done, alone.written) == ([0], [b"."])
    await asyncio.sleep(0)
    assert done == [0]


def test_before_nothing_that_is_sent_there_is_nothing_to_wait_for() -> None:
    done: list[bool] = []
    Outbox().before(lambda: done.append(True))
    assert done == [True]


async def test_an_errand_that_fails_keeps_nobody_waiting(line: Line, outbox: Outbox) -> None:
    def fail() -> None:
        raise OSError

    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    outbox.post(cast("Any", line), b"1")
    outbox.before(fail)
    await asyncio.sleep(0)
    assert (line.written, len(failures)) == ([b"1"], 1)


async def test_it_is_the_line_in_all_else(transport: LateTransport) -> None:
    assert transport.get_extra_info("peername") == "peername"
