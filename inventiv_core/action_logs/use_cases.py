"""What one can do with action logs: keep them, and read them."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventiv_core.action_logs.entities import ActionLog
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogWork
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS, clamp


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
