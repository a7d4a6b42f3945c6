"""``/reconcile``, ``/catalog/sync``, ``/commands``"""

from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from inventiv_core.commands.entities import CommandId, CommandKind
from inventiv_core.commands.use_cases import GetCommand, ListCommands, TriggerCommand
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PAGE_ROWS
from inventiv_http.commands.schemas import CommandBody, TriggeredBody
from inventiv_http.kernel.auth import needs


class Commands(Controller):
    """What operators trigger by hand."""

    path = "/"
    opt = needs(Permission.MANAGE_PLATFORM)
    tags = ["commands"]  # noqa: RUF012 - Litestar reads it from the class

    @post("/reconcile", status_code=200, summary="Look at every instance and every machine now")
    async def reconcile(
        self, actor: NamedDependency[Actor], trigger_command: NamedDependency[TriggerCommand]
    ) -> TriggeredBody:
        command = await trigger_command(CommandKind.RECONCILE, actor=actor)
        message = "Every instance and every machine will be looked at."
        return TriggeredBody(status="triggered", message=message, command_id=command.id)

    @post(
        "/catalog/sync",
        status_code=200,
        summary="Bring the catalog up to date with what providers say",
    )
    async def sync_catalog(
        self, actor: NamedDependency[Actor], trigger_command: NamedDependency[TriggerCommand]
    ) -> TriggeredBody:
        command = await trigger_command(CommandKind.SYNC_CATALOG, actor=actor)
        message = "The providers will be asked what they have."
        return TriggeredBody(status="triggered", message=message, command_id=command.id)

    @get("/commands", summary="List what was triggered, newest first")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_commands: NamedDependency[ListCommands],
        limit: FromQuery[int] = PAGE_ROWS,
    ) -> list[CommandBody]:
        commands = await list_commands(limit=limit, actor=actor)
        return [CommandBody.of(command) for command in commands]

    @get("/commands/{command_id:str}", summary="Look at what came of a command")
    async def get(
        self,
        command_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_command: NamedDependency[GetCommand],
    ) -> CommandBody:
        return CommandBody.of(await get_command(CommandId(command_id), actor=actor))
