"""``/action_logs``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from inventiv_core.action_logs.use_cases import ListActionLogs, ListPlatformActions
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_http.kernel.auth import needs


class ActionLogs(Controller):
    """Who did what."""

    path = "/action_logs"
    opt = needs(Permission.VIEW_ACTIONS)
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


class PlatformActionLogs(Controller):
    """Who did what to the platform itself."""

    path = "/platform/action_logs"
    opt = needs(Permission.VIEW_PLATFORM_ACTIONS)
    tags = ["action logs"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List what was done outside all organizations, newest first")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_platform_actions: NamedDependency[ListPlatformActions],
        status: FromQuery[str | None] = None,
        action_type: FromQuery[str | None] = None,
        limit: FromQuery[int] = 100,
    ) -> Sequence[ActionLogRow]:
        where = ActionLogFilter(status=status or None, action_type=action_type or None)
        return await list_platform_actions(where, limit=limit, actor=actor)
