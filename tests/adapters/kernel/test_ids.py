"""Identifiers."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.kernel.ids import SerialIds, Uuid7

MILLISECOND_NS = 1_000_000

moments = st.integers(min_value=0, max_value=2**47)
"""Milliseconds since 1970, until the year 6429."""


def born(monkeypatch: pytest.MonkeyPatch, new_id: Uuid7, at_ms: int) -> UUID:
    monkeypatch.setattr(time, "time_ns", lambda: at_ms * MILLISECOND_NS + 999_999)
    return new_id()


@given(moments)
def test_an_id_says_when_it_was_born(at_ms: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        number = born(monkeypatch, Uuid7(), at_ms)
    assert (number.version, number.variant) == (7, RFC_4122)
    assert number.int >> 80 == at_ms


@given(st.lists(moments | st.sampled_from([0, 1, 2]), min_size=2))
def test_ids_grow_whatever_the_clock_does(moments_ms: list[int]) -> None:
    new_id = Uuid7()
    with pytest.MonkeyPatch.context() as monkeypatch:
        numbers = [born(monkeypatch, new_id, at_ms) for at_ms in moments_ms]
    assert all(earlier < later for earlier, later in pairwise(numbers))
    assert {(number.version, number.variant) for number in numbers} == {(7, RFC_4122)}


def test_ids_of_one_millisecond_grow_even_from_the_greatest_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: b"\xff" * size)
    new_id = Uuid7()
    numbers = [born(monkeypatch, new_id, 1) for _ in range(100)]
    assert numbers == sorted(set(numbers))
    assert {number.int >> 80 for number in numbers} == {1}


def test_ids_of_different_processes_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {born(monkeypatch, Uuid7(), 1) for _ in range(1000)}
    assert len(numbers) == 1000


def test_threads_never_draw_the_same_id() -> None:
    new_id = Uuid7()
    with ThreadPoolExecutor(8) as threads:
        numbers = [number for share in threads.map(draw, [new_id] * 8) for number in share]
    assert len(set(numbers)) == len(numbers)


def draw(new_id: Uuid7) -> list[UUID]:
    return [new_id() for _ in range(1000)]


def test_serial_ids_count() -> None:
    new_id = SerialIds()
    assert [new_id().int for _ in range(3)] == [1, 2, 3]
    assert SerialIds()().int == 1
