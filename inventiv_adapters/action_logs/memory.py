"""Action logs, in memory."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.action_logs.entities import ActionLog, ActionType
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogRepository
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import OrganizationId


class MemoryActionLogs(ActionLogRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def put(self, log: ActionLog) -> None:
        self._database.table(ActionLog)[log.id] = log

    async def last(self, instance_id: UUID, action_type: ActionType) -> ActionLog | None:
        logs = [
            log
            for log in self._database.table(ActionLog).values()
            if (log.instance_id, log.action_type) == (instance_id, action_type)
        ]
        return max(logs, key=_newest, default=None)


class MemoryActionLogQueries(ActionLogQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(
        self, owner: OrganizationId, where: ActionLogFilter, *, limit: int
    ) -> Sequence[ActionLogRow]:
        logs = [
            log
            for log in self._database.table(ActionLog).values()
            if log.organization_id == owner and _matches(log, where)
        ]
        logs.sort(key=_newest, reverse=True)
        return [msgspec.convert(log, ActionLogRow, from_attributes=True) for log in logs[:limit]]


def _newest(log: ActionLog) -> tuple[datetime, UUID]:
    return log.created_at, log.id


def _matches(log: ActionLog, where: ActionLogFilter) -> bool:
    return (
        where.instance_id in {None, log.instance_id}
        and where.component in {None, log.component}
        and where.status in {None, log.status}
        and where.action_type in {None, log.action_type}
    )
