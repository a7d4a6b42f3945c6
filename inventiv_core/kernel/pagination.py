"""Pages of lists: their bounds, the envelope they come in, and the cursor to the next one.

A search has an allow-list of `Key`s, the first of which is its usual order. Its port takes a
`Window` and answers `Rows`; `search_page` makes the page of them that was asked for:

    page = await search_page(find, request, PROVIDER_KEYS)
"""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Generic, Protocol, Self, TypeAlias, TypeVar, cast
from uuid import UUID

from inventiv_core.kernel.errors import Invalid

MAX_PAGE_ROWS: Final = 1000
"""The most rows one answer may hold."""

PAGE_ROWS: Final = 200
"""How many rows a page has if nobody says."""

MAX_INTEGER: Final = 2**63 - 1
"""The greatest number that every database can count to."""

KeyValue: TypeAlias = str | int | Decimal | datetime
"""What rows are sorted by. ``False`` and ``True`` are numbers, too."""

_MOST_DIGITS: Final = 100


def clamp(value: int, lowest: int, highest: int) -> int:
    """Return ``value``, or the bound it oversteps: paging parameters are never refused."""
    return max(lowest, min(value, highest))


def needle(text: str | None) -> str | None:
    """Return what to search for; ``None`` if nothing is left of ``text``."""
    wanted = (text or "").strip().replace("\0", "\ufffd")  # no database has a NUL in a text
    return wanted or None


def has_needle(wanted: str | None, *texts: str | None) -> bool:
    """Tell whether one of ``texts`` contains what is searched for; ``None`` is in all.

    Capitals of A to Z count as small letters; others do not, whatever the locale.
    """
    if wanted is None:
        return True
    return any(small(wanted) in small(text) for text in texts if text is not None)


def small(text: str) -> str:
    """Return ``text`` with small letters for the capitals A to Z, and nothing else changed."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


@dataclass(eq=False, kw_only=True)
class CursorInvalid(Invalid):
    """This cursor is damaged, or belongs to a list that is sorted otherwise."""


class Identified(Protocol):
    """A row that can be told from all others."""

    @property
    def id(self) -> UUID:
        """What breaks ties."""
        ...


Row = TypeVar("Row", bound=Identified)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Something to sort rows by: the field of that name, and then the id."""

    name: str
    kind: type[KeyValue] = str
    missing: KeyValue | None = None
    """What a null counts as: more than anything there is, so that it comes last, or first."""

    def of(self, row: Identified) -> KeyValue:
        """Return the value that decides where ``row`` stands."""
        value: KeyValue | None = getattr(row, self.name)
        return cast("KeyValue", self.missing) if value is None else value

    def read(self, written: object) -> KeyValue:
        """Understand a value in a cursor.

        Raises:
            CursorInvalid: It is not one that a row can have.
        """
        try:
            return _READERS[self.kind](written)
        except (TypeError, ValueError, InvalidOperation) as error:
            raise CursorInvalid from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A row that a page begins after, and how many rows there were up to it."""

    value: KeyValue
    id: UUID
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which rows of a sorted list are wanted.

    Sorted by ``key`` and by id, both in the same direction: ties have an order, too.
    """

    key: Key
    descending: bool
    limit: int
    offset: int = 0
    after: Position | None = None
    """Begin after this row; then there is no ``offset``."""

    def place(self, row: Identified) -> tuple[Any, UUID]:
        """Return what rows are compared by."""
        return self.key.of(row), row.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Generic[Item]):
    """What is in a window, and how much there is around it."""

    rows: Sequence[Item]
    total_count: int | None
    """Rows of the whole list, whatever was searched for; ``None`` if nobody wants to know."""
    filtered_count: int | None
    """Rows that were searched for, in all pages; ``None`` likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage(Rows[Item]):
    """One page of a search."""

    offset: int
    limit: int
    next_cursor: str | None
    """Asks for the page after this one; ``None`` when this is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page somebody wants. What oversteps a bound means the bound."""

    offset: int = 0
    limit: int = PAGE_ROWS
    order_by: str | None = None
    """A name from the allow-list; any other means the usual order."""
    descending: bool = False
    cursor: str | None = None
    """Where an earlier page has ended; wins over ``offset``."""

    @classmethod
    def of(
        cls,
        *,
        offset: int = 0,
        limit: int = PAGE_ROWS,
        order_by: str | None = None,
        order_dir: str | None = None,
        cursor: str | None = None,
    ) -> Self:
        """Return what is meant by the words of a request."""
        return cls(
            offset=clamp(offset, 0, MAX_INTEGER),
            limit=clamp(limit, 1, MAX_PAGE_ROWS),
            order_by=order_by,
            descending=(order_dir or "").lower() == "desc",
            cursor=cursor or None,
        )

    def window(self, keys: Sequence[Key]) -> Window:
        """Return the rows that are wanted, with one more: that tells whether there are more.

        Raises:
            CursorInvalid: The cursor is not one of this list, sorted like this.
        """
        key = next((key for key in keys if key.name == self.order_by), keys[0])
        after = None if self.cursor is None else _read(self.cursor, key, self.descending)
        return Window(
            key=key,
            descending=self.descending,
            limit=self.limit + 1,
            offset=self.offset if after is None else 0,
            after=after,
        )


async def search_page(
    find: Callable[[Window], Awaitable[Rows[Row]]], page: PageRequest, keys: Sequence[Key]
) -> SearchPage[Row]:
    """Return the page that is asked for, of what ``find`` finds.

    A walk from cursor to cursor shows every row once, whatever is added or removed meanwhile.

    Raises:
        CursorInvalid: The cursor is not one of this list, sorted like this.
    """
    window = page.window(keys)
    found = await find(window)
    rows = found.rows[: page.limit]
    offset = window.offset if window.after is None else window.after.offset
    next_cursor = None
    if len(found.rows) > len(rows):
        last = Position(value=window.key.of(rows[-1]), id=rows[-1].id, offset=offset + len(rows))
        next_cursor = _write(last, window)
    return SearchPage(
        rows=rows,
        total_count=found.total_count,
        filtered_count=found.filtered_count,
        offset=offset,
        limit=page.limit,
        next_cursor=next_cursor,
    )


def _write(position: Position, window: Window) -> str:
    value = position.value
    written = value.isoformat() if isinstance(value, datetime) else value
    written = str(written) if isinstance(written, Decimal) else written
    parts = [window.key.name, window.descending, written, str(position.id), position.offset]
    document = json.dumps(parts, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def _read(cursor: str, key: Key, descending: bool) -> Position:  # noqa: FBT001 - as it is written
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, direction, value, id_, offset = json.loads(base64.urlsafe_b64decode(padded))
        position = Position(value=key.read(value), id=UUID(id_), offset=_integer(offset))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CursorInvalid from error
    if (name, direction) != (key.name, descending) or position.offset < 0:
        raise CursorInvalid
    return position


def _text(written: object) -> str:
    if not isinstance(written, str) or "\0" in written:
        raise TypeError
    written.encode()  # half a surrogate pair is a ValueError
    return written


def _integer(written: object) -> int:
    if type(written) is not int or abs(written) > MAX_INTEGER:
        raise TypeError
    return written


def _boolean(written: object) -> bool:
    if type(written) is not bool:
        raise TypeError
    return written


def _decimal(written: object) -> Decimal:
    number = Decimal(_text(written))
    if number.is_nan() or len(number.as_tuple().digits) > _MOST_DIGITS:
        raise ValueError
    if number.is_finite() and abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return number


def _instant(written: object) -> datetime:
    instant = datetime.fromisoformat(_text(written))
    if instant.tzinfo is None:
        raise ValueError
    return instant


_READERS: Final[dict[type[KeyValue], Callable[[object], KeyValue]]] = {
    str: _text,
    int: _integer,
    bool: _boolean,
    Decimal: _decimal,
    datetime: _instant,
}
