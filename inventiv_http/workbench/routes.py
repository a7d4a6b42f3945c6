"""``/workbench`` and ``/chat/models``"""

from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PAGE_ROWS, PageRequest, needle
from inventiv_core.workbench.entities import Mode, ProjectId, RunId, RunStatus
from inventiv_core.workbench.use_cases.chat_models import ListChatModels
from inventiv_core.workbench.use_cases.messages import AppendMessage
from inventiv_core.workbench.use_cases.projects import (
    CreateProject,
    DeleteProject,
    ListProjects,
    UpdateProject,
)
from inventiv_core.workbench.use_cases.retention import GetRetention, SetRetention
from inventiv_core.workbench.use_cases.runs import (
    CompleteRun,
    CreateRun,
    DeleteRun,
    GetRun,
    ListRuns,
    SearchRuns,
    UpdateRun,
)
from inventiv_core.workbench.views import RunFilter
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.documentation import coming_as
from inventiv_http.kernel.pages import SearchBody, search_body
from inventiv_http.workbench.export import MEDIA_TYPES, ExportFormat, file_name, written
from inventiv_http.workbench.schemas import (
    ChatModelBody,
    CompletionRequest,
    MessageBody,
    NewMessageBody,
    NewMessageRequest,
    NewProjectRequest,
    NewRunBody,
    NewRunRequest,
    ProjectBody,
    ProjectChangesRequest,
    RetentionBody,
    RunBody,
    RunChangesRequest,
    TranscriptBody,
    access_of,
)

_ALL = "all"


class ChatModels(Controller):
    """Whom one can talk to."""

    path = "/chat/models"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["workbench"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the models that answer the workspace at this moment")
    async def list(
        self, actor: NamedDependency[Actor], list_chat_models: NamedDependency[ListChatModels]
    ) -> list[ChatModelBody]:
        return [ChatModelBody.of(shown) for shown in await list_chat_models(actor=actor)]


class Runs(Controller):
    """Runs, and what was said in them."""

    path = "/workbench/runs"
    opt = needs(Permission.USE_WORKBENCH)
    tags = ["workbench"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the newest runs of the workspace, or, with workspace=all, of all")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_runs: NamedDependency[ListRuns],
        limit: FromQuery[int] = 50,
        workspace: FromQuery[str | None] = None,
    ) -> list[RunBody]:
        runs = await list_runs(limit=limit, everywhere=workspace == _ALL, actor=actor)
        return [RunBody.of(run) for run in runs]

    @get("/search", summary="Look through runs, and what was said in them, page by page")
    async def search(
        self,
        actor: NamedDependency[Actor],
        search_runs: NamedDependency[SearchRuns],
        q: FromQuery[str | None] = None,
        model_id: FromQuery[str | None] = None,
        status: FromQuery[RunStatus | None] = None,
        mode: FromQuery[Mode | None] = None,
        project_id: FromQuery[UUID | None] = None,
        shared: FromQuery[bool | None] = None,
        workspace: FromQuery[str | None] = None,
        offset: FromQuery[int] = 0,
        limit: FromQuery[int] = PAGE_ROWS,
        order_by: FromQuery[str | None] = None,
        order_dir: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> SearchBody[RunBody]:
        where = RunFilter(
            needle=needle(q),
            model_id=needle(model_id),
            status=status,
            mode=mode,
            project_id=None if project_id is None else ProjectId(project_id),
            is_shared=shared,
        )
        page = PageRequest.of(
            offset=offset,
            limit=limit,
            order_by=order_by,
            order_dir=order_dir or "desc",
            cursor=cursor,
        )
        found = await search_runs(where, page, everywhere=workspace == _ALL, actor=actor)
        return search_body(found, RunBody.of)

    @post(status_code=200, summary="Begin a run in the workspace")
    async def create(
        self,
        data: JSONBody[NewRunRequest],
        actor: NamedDependency[Actor],
        create_run: NamedDependency[CreateRun],
    ) -> NewRunBody:
        return NewRunBody(run=RunBody.of(await create_run(data.run(), actor=actor)))

    @get("/{run_id:str}", summary="Read a run")
    async def look(
        self,
        run_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_run: NamedDependency[GetRun],
    ) -> TranscriptBody:
        return TranscriptBody.of(await get_run(RunId(run_id), actor=actor))

    @get(
        "/{run_id:str}/export",
        media_type="text/markdown",
        operation_class=coming_as({200: ["text/markdown", "application/json"]}),
        summary="Take a run home, as Markdown or JSON",
    )
    async def export(
        self,
        run_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_run: NamedDependency[GetRun],
        format: FromQuery[ExportFormat] = ExportFormat.MARKDOWN,
    ) -> Response[bytes]:
        transcript = await get_run(RunId(run_id), actor=actor)
        name = file_name(transcript, format)
        return Response(
            written(transcript, format),
            media_type=MEDIA_TYPES[format],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @put("/{run_id:str}", summary="Give a run a title, put it into a project, share it")
    async def update(
        self,
        run_id: FromPath[UUID],
        data: JSONBody[RunChangesRequest],
        actor: NamedDependency[Actor],
        update_run: NamedDependency[UpdateRun],
    ) -> RunBody:
        return RunBody.of(await update_run(RunId(run_id), data.changes(), actor=actor))

    @delete("/{run_id:str}", status_code=200, summary="Take a run away")
    async def remove(
        self,
        run_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        delete_run: NamedDependency[DeleteRun],
    ) -> RunBody:
        return RunBody.of(await delete_run(RunId(run_id), actor=actor))

    @post("/{run_id:str}/messages", status_code=200, summary="Say something in a run")
    async def append(
        self,
        run_id: FromPath[UUID],
        data: JSONBody[NewMessageRequest],
        actor: NamedDependency[Actor],
        append_message: NamedDependency[AppendMessage],
    ) -> NewMessageBody:
        message = await append_message(RunId(run_id), data.message(), actor=actor)
        return NewMessageBody(message=MessageBody.of(message))

    @post("/{run_id:str}/complete", status_code=200, summary="Say how a run has ended")
    async def complete(
        self,
        run_id: FromPath[UUID],
        data: JSONBody[CompletionRequest],
        actor: NamedDependency[Actor],
        complete_run: NamedDependency[CompleteRun],
    ) -> RunBody:
        return RunBody.of(await complete_run(RunId(run_id), data.completion(), actor=actor))


class Projects(Controller):
    """Folders for runs."""

    path = "/workbench/projects"
    opt = needs(Permission.USE_WORKBENCH)
    tags = ["workbench"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the projects of the workspace, or, with workspace=all, of all")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_projects: NamedDependency[ListProjects],
        workspace: FromQuery[str | None] = None,
    ) -> list[ProjectBody]:
        projects = await list_projects(everywhere=workspace == _ALL, actor=actor)
        return [ProjectBody.of(project) for project in projects]

    @post(status_code=200, summary="Make a project")
    async def create(
        self,
        data: JSONBody[NewProjectRequest],
        actor: NamedDependency[Actor],
        create_project: NamedDependency[CreateProject],
    ) -> ProjectBody:
        return ProjectBody.of(await create_project(data.name, access_of(data), actor=actor))

    @put("/{project_id:str}", summary="Give a project another name, or share it")
    async def update(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[ProjectChangesRequest],
        actor: NamedDependency[Actor],
        update_project: NamedDependency[UpdateProject],
    ) -> ProjectBody:
        changed = await update_project(ProjectId(project_id), data.changes(), actor=actor)
        return ProjectBody.of(changed)

    @delete("/{project_id:str}", status_code=200, summary="Take a project away; its runs stay")
    async def remove(
        self,
        project_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        delete_project: NamedDependency[DeleteProject],
    ) -> ProjectBody:
        return ProjectBody.of(await delete_project(ProjectId(project_id), actor=actor))


class RetentionOfRuns(Controller):
    """How long the organization keeps what is said."""

    path = "/workbench/retention"
    opt = needs(Permission.USE_ORGANIZATION)
    tags = ["workbench"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="How long does the organization keep runs?")
    async def look(
        self, actor: NamedDependency[Actor], get_retention: NamedDependency[GetRetention]
    ) -> RetentionBody:
        return RetentionBody.of(await get_retention(actor=actor))

    @put(opt=needs(Permission.MANAGE_SETTINGS), summary="Choose how long runs are kept")
    async def choose(
        self,
        data: JSONBody[RetentionBody],
        actor: NamedDependency[Actor],
        set_retention: NamedDependency[SetRetention],
    ) -> RetentionBody:
        return RetentionBody.of(await set_retention(data.wanted(), actor=actor))
