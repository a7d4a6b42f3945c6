"""Actions on the wire."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from inventiv_core.action_logs.views import ActionLogPage, ActionLogRow
from inventiv_http.kernel.pages import SearchBody


class FoundActionLogs(SearchBody[ActionLogRow], frozen=True, kw_only=True):
    """One page of actions."""

    status_counts: Mapping[str, int] | None
    """How many of those that were searched for have which status, if that was asked."""

    @classmethod
    def of(cls, found: ActionLogPage) -> Self:
        """Show a page."""
        return cls(
            offset=found.page.offset,
            limit=found.page.limit,
            total_count=found.page.total_count,
            filtered_count=found.page.filtered_count,
            rows=list(found.page.rows),
            next_cursor=found.page.next_cursor,
            status_counts=found.status_counts,
        )


def columns(row: ActionLogRow) -> dict[str, Any]:
    """Return an action as one line of a table: what is nested is JSON in its cell."""
    flat: dict[str, Any] = msgspec.to_builtins(row)
    flat["metadata"] = msgspec.json.encode(row.metadata).decode()
    return flat
