"""``/action_logs``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery
from litestar.response import Stream

from inventiv_core.action_logs.kinds import ActionKind
from inventiv_core.action_logs.use_cases import (
    ExportActionLogs,
    ListActionKinds,
    ListActionLogs,
    ListPlatformActions,
    SearchActionLogs,
)
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PAGE_ROWS, PageRequest
from inventiv_http.action_logs.export import ExportFormat, written
from inventiv_http.action_logs.schemas import FoundActionLogs
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.documentation import coming_as


def _where(
    instance_id: FromQuery[UUID | None] = None,
    component: FromQuery[str | None] = None,
    status: FromQuery[str | None] = None,
    action_type: FromQuery[str | None] = None,
) -> ActionLogFilter:
    """Return which actions a query asks for. Older clients call the API the backend."""
    return ActionLogFilter(
        instance_id=instance_id,
        component="api" if component == "backend" else component or None,
        status=status or None,
        action_type=action_type or None,
    )


class ActionLogs(Controller):
    """Who did what."""

    path = "/action_logs"
    opt = needs(Permission.VIEW_ACTIONS)
    dependencies = {"where": Provide(_where, sync_to_thread=False)}  # noqa: RUF012
    tags = ["action logs"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List what was done, newest first")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_action_logs: NamedDependency[ListActionLogs],
        where: NamedDependency[ActionLogFilter],
        limit: FromQuery[int] = 100,
    ) -> Sequence[ActionLogRow]:
        return await list_action_logs(where, limit=limit, actor=actor)

    @get("/search", summary="Look through what was done, page by page")
    async def search(
        self,
        actor: NamedDependency[Actor],
        search_action_logs: NamedDependency[SearchActionLogs],
        where: NamedDependency[ActionLogFilter],
        offset: FromQuery[int] = 0,
        limit: FromQuery[int] = PAGE_ROWS,
        sort_by: FromQuery[str | None] = None,
        sort_dir: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        include_stats: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
        include_counts: FromQuery[bool] = True,  # noqa: FBT002 - a query parameter
    ) -> FoundActionLogs:
        key = (sort_by or "").strip().lower()
        page = PageRequest.of(
            offset=offset,
            limit=limit,
            order_by="instance_key" if key == "instance_id" else key,
            order_dir=(key and sort_dir) or "desc",
            cursor=cursor,
        )
        found = await search_action_logs(
            where, page, counted=include_counts, with_stats=include_stats, actor=actor
        )
        return FoundActionLogs.of(found)

    @get(
        "/export",
        operation_class=coming_as({200: [form.media_type for form in ExportFormat]}),
        summary="Get all that was done as a file",
    )
    async def export(
        self,
        actor: NamedDependency[Actor],
        export_action_logs: NamedDependency[ExportActionLogs],
        where: NamedDependency[ActionLogFilter],
        format: FromQuery[ExportFormat] = ExportFormat.CSV,
    ) -> Stream:
        batches = await export_action_logs(where, actor=actor)
        return Stream(
            written(batches, format),
            media_type=format.media_type,
            headers={"Content-Disposition": f'attachment; filename="action_logs.{format}"'},
        )


class ActionTypes(Controller):
    """What can be done at all."""

    path = "/action_types"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["action logs"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the types of actions")
    async def list(
        self, actor: NamedDependency[Actor], list_action_kinds: NamedDependency[ListActionKinds]
    ) -> Sequence[ActionKind]:
        return await list_action_kinds(actor=actor)


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
