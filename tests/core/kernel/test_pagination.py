"""Bounds of lists, pages, and walks from cursor to cursor."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.kernel.memory import within
from inventiv_core.kernel.pagination import (
    MAX_INTEGER,
    CursorInvalid,
    Key,
    PageRequest,
    Rows,
    SearchPage,
    Window,
    clamp,
    has_needle,
    needle,
    search_page,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One row of a list."""

    id: UUID
    name: str
    size: int
    is_active: bool
    price: Decimal | None
    born_at: datetime


KEYS = (
    Key(name="name"),
    Key(name="size", kind=int),
    Key(name="is_active", kind=bool),
    Key(name="price", kind=Decimal, missing=Decimal("Infinity")),
    Key(name="born_at", kind=datetime),
)

things = st.lists(
    st.builds(
        Thing,
        id=st.integers(0, 50).map(lambda number: UUID(int=number)),
        name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
        size=st.integers(-2, 2),
        is_active=st.booleans(),
        price=st.none() | st.decimals(0, 2, places=1),
        born_at=st.datetimes(timezones=st.just(UTC)),
    ),
    unique_by=lambda thing: thing.id,
    max_size=20,
)
names = st.sampled_from([key.name for key in KEYS])


class Shelf:
    """A list that can be searched."""

    def __init__(self, things: Sequence[Thing]) -> None:
        self.things = things
        self.asked: list[Window] = []

    async def find(self, window: Window) -> Rows[Thing]:
        self.asked.append(window)
        rows = within(window, self.things)
        return Rows(rows=rows, total_count=len(self.things), filtered_count=len(self.things))

    async def page(self, **asked: Any) -> SearchPage[Thing]:
        return await search_page(self.find, PageRequest.of(**asked), KEYS)

    async def walk(self, **asked: Any) -> list[Thing]:
        """Return what is seen from cursor to cursor."""
        seen: list[Thing] = []
        cursor = None
        while True:
            page = await self.page(cursor=cursor, **asked)
            assert page.offset == len(seen)
            seen += page.rows
            cursor = page.next_cursor
            if cursor is None:
                return seen


def sorted_by(name: str, things: Sequence[Thing], *, descending: bool) -> list[Thing]:
    def place(thing: Thing) -> tuple[Any, ...]:
        value = getattr(thing, name)
        return (value is None, 0 if value is None else value, thing.id)

    return sorted(things, key=place, reverse=descending)


@given(st.integers(), st.integers(0, 10), st.integers(10, 20))
def test_a_number_is_kept_within_its_bounds(value: int, lowest: int, highest: int) -> None:
    clamped = clamp(value, lowest, highest)
    assert lowest <= clamped <= highest
    assert clamped == value or not lowest <= value <= highest


@given(things, st.integers(1, 7), names, st.sampled_from(["asc", "desc", "DESC"]))
async def test_pages_by_cursor_are_the_list(
    things: list[Thing], limit: int, name: str, direction: str
) -> None:
    asked = {"limit": limit, "order_by": name, "order_dir": direction}
    expected = sorted_by(name, things, descending=direction != "asc")
    assert await Shelf(things).walk(**asked) == expected


@given(things, st.integers(1, 7), names)
async def test_pages_by_offset_are_the_list(things: list[Thing], limit: int, name: str) -> None:
    shelf = Shelf(things)
    seen = [
        row
        for offset in range(0, len(things), limit)
        for row in (await shelf.page(limit=limit, offset=offset, order_by=name)).rows
    ]
    assert seen == sorted_by(name, things, descending=False)


@given(things, things, st.integers(1, 3))
async def test_what_stays_is_seen_once_whatever_comes_and_goes(
    before: list[Thing], after: list[Thing], limit: int
) -> None:
    stays = [thing for thing in before if thing in after]
    shelf = Shelf(before)
    page = await shelf.page(limit=limit)
    seen = list(page.rows)
    shelf.things = after
    while page.next_cursor is not None:
        page = await shelf.page(limit=limit, cursor=page.next_cursor)
        seen += page.rows
    assert len({(thing.name, thing.id) for thing in seen}) == len(seen)
    assert [thing for thing in seen if thing in stays] == sorted_by("name", stays, descending=False)


@pytest.mark.parametrize(
    ("asked", "offset", "limit"),
    [
        ({}, 0, 200),
        ({"offset": -5, "limit": 0}, 0, 1),
        ({"offset": 3, "limit": -1}, 3, 1),
        ({"limit": 5000}, 0, 1000),
        ({"offset": 10**30}, MAX_INTEGER, 200),
        ({"cursor": ""}, 0, 200),
    ],
)
async def test_what_oversteps_a_bound_means_the_bound_and_the_page_says_so(
    asked: dict[str, Any], offset: int, limit: int
) -> None:
    page = await Shelf([]).page(**asked)
    assert (page.offset, page.limit, page.next_cursor) == (offset, limit, None)


@pytest.mark.parametrize("name", [None, "", "nonsense", "NAME", "id"])
async def test_an_unknown_order_is_the_usual_one(name: str | None) -> None:
    shelf = Shelf([])
    await shelf.page(order_by=name)
    assert shelf.asked[0].key.name == "name"


UP, DOWN = False, True


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


ID = str(UUID(int=1))


@pytest.mark.parametrize(
    "forged",
    [
        "é", "%", "abc", "====", cursor(), cursor("name", UP, "a", ID),
        cursor("size", UP, "a", ID, 1), cursor("name", DOWN, "a", ID, 1),
        cursor("name", UP, 1, ID, 1), cursor("name", UP, None, ID, 1),
        cursor("name", UP, "a\0", ID, 1), cursor("name", UP, "\ud800", ID, 1),
        cursor("name", UP, "a", "1", 1), cursor("name", UP, "a", 1, 1),
        cursor("name", UP, "a", ID, -1), cursor("name", UP, "a", ID, DOWN),
        cursor("name", UP, "a", ID, 10**30), "W" * 5000,
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)  # fmt: skip
async def test_a_cursor_that_is_not_ours_is_refused(forged: str) -> None:
    with pytest.raises(CursorInvalid):
        await Shelf([]).page(cursor=forged)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "1"), ("size", True), ("size", 10**30), ("is_active", 1), ("price", "NaN"),
        ("price", "sNaN"), ("price", "1e999999"), ("price", "x"), ("price", 1.5),
        ("price", "1" * 200), ("born_at", "2026-01-01T00:00:00"), ("born_at", "yesterday"),
        ("born_at", 5),
    ],
)  # fmt: skip
async def test_a_cursor_holds_only_what_a_row_can_have(name: str, value: object) -> None:
    with pytest.raises(CursorInvalid):
        await Shelf([]).page(order_by=name, cursor=cursor(name, UP, value, ID, 1))


@given(st.binary(max_size=60).map(lambda noise: base64.urlsafe_b64encode(noise).decode()))
async def test_noise_is_refused_and_nothing_worse(noise: str) -> None:
    try:
        await Shelf([]).page(cursor=noise)
    except CursorInvalid:
        return
    assert noise == ""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(None, None), ("", None), ("  ", None), (" a b ", "a b"), ("a\0b", "a\ufffdb")],
)
def test_nothing_but_blanks_searches_for_nothing(text: str | None, wanted: str | None) -> None:
    assert needle(text) == wanted


def test_a_needle_is_found_anywhere_in_capitals_or_not_and_literally() -> None:
    assert has_needle(None)
    assert has_needle("PAR", None, "fr-par-2")
    assert has_needle("é", "Orléans")
    assert not has_needle("É", "Orléans")
    assert not has_needle("%", "fr-par")
    assert not has_needle("a", None)
