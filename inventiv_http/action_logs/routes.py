"""``/action_logs``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from inventiv_core.action_logs.use_cases import ListActionLogs
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import Actor
from inventiv_http.kernel.auth import SESSION


class ActionLogs(Controller):
    """Who did what."""

    path = "/action_logs"
    opt = SESSION
    tags = ["action logs"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List what was done, newest first")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_action_logs: NamedDependency[ListActionLogs],
        instance_id: FromQuery[UUID | None] = None,
        component: FromQuery[str | None] = None,
        status: FromQuery[str | None] = None,
        action_type: FromQuery[str | None] = None,
        limit: FromQuery[int] = 100,
    ) -> Sequence[ActionLogRow]:
        where = ActionLogFilter(
            instance_id=instance_id,
            component=component or None,
            status=status or None,
            action_type=action_type or None,
        )
        return await list_action_logs(where, limit=limit, actor=actor)
