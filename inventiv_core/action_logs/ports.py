"""What action logs need from the outside."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from inventiv_core.action_logs.entities import ActionLog, ActionType
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow, ActionLogsFound
from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.pagination import Window


class ActionLogRepository(Protocol):
    """All actions, one at a time."""

    async def put(self, log: ActionLog) -> None:
        """Store an action as it stands, new or known. One that has ended stays as it is."""
        ...

    async def last(self, instance_id: UUID, action_type: ActionType) -> ActionLog | None:
        """Return the newest action of that type on the instance."""
        ...


class ActionLogQueries(Protocol):
    """Actions as people look at them."""

    async def list(
        self, owner: OrganizationId | None, where: ActionLogFilter, *, limit: int
    ) -> Sequence[ActionLogRow]:
        """List the organization's actions and acts, newest first; ``None`` for the platform's."""
        ...

    async def search(
        self,
        owner: OrganizationId,
        where: ActionLogFilter,
        window: Window,
        *,
        counted: bool,
        with_stats: bool,
    ) -> ActionLogsFound:
        """Find the organization's actions and acts, sorted by one of `action_log_keys`.

        One statement for the rows and, if they are to be ``counted``, or counted by status,
        one for the counts. The whole list are those of the instance, if one is named.
        """
        ...


class ActionLogWork(Protocol):
    """What one atomic piece of work on actions may touch."""

    @property
    def action_logs(self) -> ActionLogRepository: ...
    @property
    def outbox(self) -> Outbox: ...
