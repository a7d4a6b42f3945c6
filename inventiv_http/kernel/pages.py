"""Pages on the wire: the envelope of every search, and the query that asks for one."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec
from litestar.params import FromQuery

from inventiv_core.kernel.pagination import PAGE_ROWS, PageRequest, SearchPage

Item = TypeVar("Item")
Body = TypeVar("Body")

NOTHING: Final = ""
"""The body of an answer that says all with its status."""


class SearchBody(msgspec.Struct, Generic[Body], frozen=True, kw_only=True):
    """One page of a search."""

    offset: int
    limit: int
    total_count: int | None
    """Rows of the whole list, whatever was searched for; null if they were not to be counted."""
    filtered_count: int | None
    """Rows that were searched for, in all pages; null likewise."""
    rows: list[Body]
    next_cursor: str | None
    """Send it as ``cursor`` to get the next page; null when this is the last."""


def search_body(page: SearchPage[Item], show: Callable[[Item], Body]) -> SearchBody[Body]:
    """Show a page, row by row."""
    return SearchBody(
        offset=page.offset,
        limit=page.limit,
        total_count=page.total_count,
        filtered_count=page.filtered_count,
        rows=[show(row) for row in page.rows],
        next_cursor=page.next_cursor,
    )


def page_request(
    offset: FromQuery[int] = 0,
    limit: FromQuery[int] = PAGE_ROWS,
    order_by: FromQuery[str | None] = None,
    order_dir: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
) -> PageRequest:
    """Return the page that a query asks for: what a handler gets as ``page``."""
    return PageRequest.of(
        offset=offset, limit=limit, order_by=order_by, order_dir=order_dir, cursor=cursor
    )
