"""Head and beginning of an answer leave together, and nothing is kept back for long."""

import asyncio
from typing import Any, cast

import pytest

from inventiv_http.corking import CorkedTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Line:
    """What is written, in the pieces it is written in."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Take some."""
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
def line() -> Line:
    return Line()


@pytest.fixture
async def transport(line: Line) -> CorkedTransport:
    return CorkedTransport(cast("Any", line), asyncio.get_running_loop())


async def test_head_and_body_are_one_write(line: Line, transport: CorkedTransport) -> None:
    transport.write(HEAD)
    transport.write(b"body")
    transport.write(b"more")
    await asyncio.sleep(0)
    assert line.written == [HEAD + b"body", b"more"]


async def test_a_head_alone_waits_for_one_turn_only(line: Line, transport: CorkedTransport) -> None:
    transport.write(HEAD)
    assert line.written == []
    await asyncio.sleep(0)
    transport.write(b"body")
    assert line.written == [HEAD, b"body"]


async def test_nothing_is_lost_when_the_line_is_closed(
    line: Line, transport: CorkedTransport
) -> None:
    transport.write(HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert (line.written, transport.is_closing()) == ([HEAD], True)


async def test_two_answers_in_one_turn_stay_two(line: Line, transport: CorkedTransport) -> None:
    for _ in range(2):
        transport.write(HEAD)
        transport.write(b"")
    await asyncio.sleep(0)
    assert b"".join(line.written) == HEAD * 2


async def test_it_is_the_line_in_all_else(transport: CorkedTransport) -> None:
    assert transport.get_extra_info("peername") == "peername"
