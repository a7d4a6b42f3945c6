"""Action logs, in memory."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.action_logs.entities import ActionLog, ActionStatus, ActionType, Component
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogRepository
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.ports.acts import Acts


class MemoryActionLogs(ActionLogRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def put(self, log: ActionLog) -> None:
        known = self._database.table(ActionLog).get(log.id)
        if known is None or known.status is ActionStatus.IN_PROGRESS:
            self._database.table(ActionLog)[log.id] = log

    async def last(self, instance_id: UUID, action_type: ActionType) -> ActionLog | None:
        logs = [
            log
            for log in self._database.table(ActionLog).values()
            if (log.instance_id, log.action_type) == (instance_id, action_type)
        ]
        return max(logs, key=_newest, default=None)


class MemoryActs(Acts):
    """The books."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, act: Act) -> None:
        self._database.table(Act)[act.id] = act


class MemoryActionLogQueries(ActionLogQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(
        self, owner: OrganizationId | None, where: ActionLogFilter, *, limit: int
    ) -> Sequence[ActionLogRow]:
        rows = [
            msgspec.convert(log, ActionLogRow, from_attributes=True)
            for log in self._database.table(ActionLog).values()
            if log.organization_id == owner
        ]
        rows += [
            _row(act) for act in self._database.table(Act).values() if act.organization_id == owner
        ]
        wanted = [row for row in rows if _matches(row, where)]
        return sorted(wanted, key=_newest, reverse=True)[:limit]


def _row(act: Act) -> ActionLogRow:
    return ActionLogRow(
        id=act.id,
        action_type=act.kind,
        component=Component.API,
        status=ActionStatus.SUCCESS if act.error_code is None else ActionStatus.FAILED,
        error_code=act.error_code,
        error_message=None,
        instance_id=None,
        user_id=act.actor.user_id,
        actor_name=act.actor.name,
        source_ip=act.actor.source_ip,
        duration_ms=0,
        created_at=act.at,
        completed_at=act.at,
        metadata=msgspec.to_builtins(act.metadata),
        instance_status_before=None,
        instance_status_after=None,
    )


def _newest(log: ActionLog | ActionLogRow) -> tuple[datetime, UUID]:
    return log.created_at, log.id


def _matches(log: ActionLogRow, where: ActionLogFilter) -> bool:
    return (
        where.instance_id in {None, log.instance_id}
        and where.component in {None, log.component}
        and where.status in {None, log.status}
        and where.action_type in {None, log.action_type}
    )
