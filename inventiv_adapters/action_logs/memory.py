"""Action logs, in memory."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.action_logs.entities import ActionLog, ActionStatus, ActionType, Component
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogRepository
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow, ActionLogsFound
from inventiv_core.catalog.entities import InstanceType, Provider
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.ports.acts import Acts
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.kernel.pagination import Window

_ROW: Final = frozenset(field.name for field in fields(ActionLogRow))


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
        wanted = [row for row in self._of(owner) if _matches(row, where)]
        return sorted(wanted, key=_newest, reverse=True)[:limit]

    async def search(
        self,
        owner: OrganizationId,
        where: ActionLogFilter,
        window: Window,
        *,
        counted: bool,
        with_stats: bool,
    ) -> ActionLogsFound:
        all_there_are = [
            row for row in self._of(owner) if where.instance_id in {None, row.instance_id}
        ]
        wanted = [row for row in all_there_are if _matches(row, where)]
        by_status = Counter(row.status for row in wanted)
        return ActionLogsFound(
            rows=within(window, wanted),
            total_count=len(all_there_are) if counted else None,
            filtered_count=len(wanted) if counted else None,
            status_counts={status: by_status[status] for status in ActionStatus}
            if with_stats
            else None,
        )

    def _of(self, owner: OrganizationId | None) -> Iterator[ActionLogRow]:
        for log in self._database.table(ActionLog).values():
            if log.organization_id == owner:
                yield self._action(log)
        for act in self._database.table(Act).values():
            if act.organization_id == owner:
                yield _act(act)

    def _action(self, log: ActionLog) -> ActionLogRow:
        instance = self._database.table(Instance).get(InstanceId(log.instance_id))
        provider, kind = None, None
        if instance is not None:
            provider = self._database.table(Provider)[instance.provider_id].name
            kind = self._database.table(InstanceType)[instance.instance_type_id].name
        said: dict[str, Any] = {name: value for name, value in asdict(log).items() if name in _ROW}
        return ActionLogRow(**said, provider_name=provider, instance_type=kind)


def _as_json(value: Any) -> Any:
    """Return what the database would: a column of JSON knows words and numbers only."""
    return json.loads(json.dumps(value, default=_in_words))


def _in_words(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case UUID() | Decimal():
            return str(value)
        case set() | frozenset():
            return list(cast("Iterable[Any]", value))
        case _:
            message = f"{type(value).__name__} has no place in JSON"
            raise TypeError(message)


def _act(act: Act) -> ActionLogRow:
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
        metadata=_as_json(act.metadata),
        instance_status_before=None,
        instance_status_after=None,
        provider_name=None,
        instance_type=None,
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
