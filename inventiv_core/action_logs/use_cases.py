"""What one can do with action logs: keep them, and read them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from inventiv_core.action_logs.entities import ActionLog
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.action_logs.kinds import ACTION_KINDS, ActionKind
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogWork
from inventiv_core.action_logs.views import (
    ActionLogFilter,
    ActionLogPage,
    ActionLogRow,
    ActionLogsFound,
    action_log_keys,
)
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS, PageRequest, Window, clamp, search_page


async def record(log: ActionLog, work: ActionLogWork) -> None:
    """Keep ``log`` as it stands, inside ``work``, and tell those who watch."""
    await work.action_logs.put(log)
    await work.outbox.add(ActionLogged.of(log))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActionLogs:
    """List what was done in the actor's organization."""

    action_log_queries: ActionLogQueries

    async def __call__(
        self, where: ActionLogFilter, *, limit: int, actor: Actor
    ) -> Sequence[ActionLogRow]:
        """Return the newest actions first, at most ``limit`` of them."""
        owner = actor.must_in_organization(Permission.VIEW_ACTIONS)
        rows = clamp(limit, 0, MAX_PAGE_ROWS)
        return await self.action_log_queries.list(owner, where, limit=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchActionLogs:
    """Look through what was done in the actor's organization, page by page."""

    action_log_queries: ActionLogQueries

    async def __call__(
        self,
        where: ActionLogFilter,
        page: PageRequest,
        *,
        counted: bool,
        with_stats: bool,
        actor: Actor,
    ) -> ActionLogPage:
        """Return one page, the newest first if no order is asked for.

        Raises:
            CursorInvalid: The cursor is not one of this list, sorted like this.
        """
        owner = actor.must_in_organization(Permission.VIEW_ACTIONS)
        stats: list[Mapping[str, int] | None] = []

        async def find(window: Window) -> ActionLogsFound:
            found = await self.action_log_queries.search(
                owner, where, window, counted=counted, with_stats=with_stats
            )
            stats.append(found.status_counts)
            return found

        shown = await search_page(find, page, action_log_keys(descending=page.descending))
        return ActionLogPage(page=shown, status_counts=stats[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportActionLogs:
    """Read all that was done in the actor's organization, however much it is."""

    action_log_queries: ActionLogQueries

    async def __call__(
        self, where: ActionLogFilter, *, actor: Actor
    ) -> AsyncIterator[Sequence[ActionLogRow]]:
        """Return an iterator over batches, the newest first; each is read when it is asked for."""
        owner = actor.must_in_organization(Permission.VIEW_ACTIONS)
        return self._batches(owner, where)

    async def _batches(
        self, owner: OrganizationId, where: ActionLogFilter
    ) -> AsyncIterator[Sequence[ActionLogRow]]:
        async def find(window: Window) -> ActionLogsFound:
            return await self.action_log_queries.search(
                owner, where, window, counted=False, with_stats=False
            )

        keys = action_log_keys(descending=True)
        cursor: str | None = None
        while True:
            request = PageRequest.of(limit=MAX_PAGE_ROWS, order_dir="desc", cursor=cursor)
            page = await search_page(find, request, keys)
            yield page.rows
            cursor = page.next_cursor
            if cursor is None:
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActionKinds:
    """List the types of actions there are."""

    async def __call__(self, *, actor: Actor) -> Sequence[ActionKind]:
        """Return them by category and code."""
        actor.must(Permission.VIEW_CATALOG)
        return ACTION_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlatformActions:
    """List what was done outside all organizations: to users, the catalog, the platform."""

    action_log_queries: ActionLogQueries

    async def __call__(
        self, where: ActionLogFilter, *, limit: int, actor: Actor
    ) -> Sequence[ActionLogRow]:
        """Return the newest actions first, at most ``limit`` of them."""
        actor.must(Permission.VIEW_PLATFORM_ACTIONS)
        rows = clamp(limit, 0, MAX_PAGE_ROWS)
        return await self.action_log_queries.list(None, where, limit=rows)
