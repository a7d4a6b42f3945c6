"""What people and programs can do with runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inventiv_core.identity.access import Actor, ApiKeyId, OrganizationId
from inventiv_core.identity.ports.organizations import OrganizationQueries
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.differences import differing
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import (
    MAX_PAGE_ROWS,
    PageRequest,
    Rows,
    SearchPage,
    Window,
    search_page,
)
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import TokenUsage
from inventiv_core.models.ports import OfferingQueries
from inventiv_core.workbench.entities import (
    ENDS,
    LONGEST_ERROR,
    MOST_MESSAGES,
    MOST_MS,
    Access,
    Mode,
    Project,
    ProjectId,
    Reader,
    Retention,
    Run,
    RunId,
    RunStatus,
    WorkbenchActKind,
    count_of,
    metadata_of,
    model_id_of,
    storable,
    title_of,
    with_access,
)
from inventiv_core.workbench.errors import (
    ApiKeyNotAllowed,
    InvalidStatus,
    OwnerRequired,
    ProjectNotAllowed,
    RunIsReadOnly,
    RunNotFound,
)
from inventiv_core.workbench.ports import RunQueries, WorkbenchWork
from inventiv_core.workbench.use_cases.acts import enter_run
from inventiv_core.workbench.use_cases.prices import cost_of, usage_of
from inventiv_core.workbench.use_cases.readers import reader_of
from inventiv_core.workbench.views import RUN_KEYS, RunFilter, Scope, Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRuns:
    """List one's newest runs, and those that are shared."""

    run_queries: RunQueries
    organization_queries: OrganizationQueries

    async def __call__(
        self, *, limit: int, everywhere: bool = False, actor: Actor
    ) -> Sequence[Run]:
        """Return those of the workspace, or of all, the newest first."""
        reader = Reader.of(actor)
        if everywhere:
            reader = await reader_of(actor, self.organization_queries)
        scope = Scope(organization_id=actor.organization_id, everywhere=everywhere)
        return await self.run_queries.list(reader, scope, limit=max(1, min(limit, MAX_PAGE_ROWS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRuns:
    """Look through runs, and what was said in them, page by page."""

    run_queries: RunQueries
    organization_queries: OrganizationQueries

    async def __call__(
        self, where: RunFilter, page: PageRequest, *, everywhere: bool = False, actor: Actor
    ) -> SearchPage[Run]:
        """Return the page that is asked for.

        Raises:
            CursorInvalid: The cursor is not one of this search, sorted like this.
        """
        reader = Reader.of(actor)
        if everywhere:
            reader = await reader_of(actor, self.organization_queries)
        scope = Scope(organization_id=actor.organization_id, everywhere=everywhere)

        async def find(window: Window) -> Rows[Run]:
            return await self.run_queries.search(reader, scope, where, window)

        return await search_page(find, page, RUN_KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRun:
    """Read a run."""

    run_queries: RunQueries
    organization_queries: OrganizationQueries

    async def __call__(self, run_id: RunId, *, actor: Actor) -> Transcript:
        """Return it with all that was said, in whatever workspace it is.

        Raises:
            RunNotFound: There is none that the actor may see.
        """
        reader = await reader_of(actor, self.organization_queries)
        run = await self.run_queries.find(run_id, reader=reader)
        if run is None:
            raise RunNotFound(run_id=run_id)
        messages = await self.run_queries.messages(run_id, limit=MOST_MESSAGES)
        return Transcript(run=run, messages=messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What somebody says of a run."""

    model_id: str
    api_key_id: ApiKeyId | None = None
    mode: str | None = None
    title: str | None = None
    project_id: ProjectId | None = None
    org_access: Access | None = None
    metadata: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRun:
    """Begin a run in the workspace."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, new: NewRun, *, actor: Actor) -> Run:
        """Store it. In the personal workspace there is nobody to share it with.

        Raises:
            ModelIdRequired: No model is named.
            ModelIdTooLong: No model is called that.
            ApiKeyNotAllowed: The key is somebody else's, or another than the caller's.
            ProjectNotAllowed: The project is not the actor's to use, or in another workspace.
            RunInvalid: The metadata cannot be kept.
        """
        reader, now = Reader.of(actor), self.clock.now()
        run = Run(
            id=RunId(self.new_id()),
            organization_id=actor.organization_id,
            created_by_user_id=reader.user_id,
            created_via_api_key_id=reader.api_key_id or new.api_key_id,
            project_id=new.project_id,
            title=title_of(new.title),
            model_id=model_id_of(new.model_id),
            mode=Mode.meant_by(new.mode),
            status=RunStatus.IN_PROGRESS,
            ttft_ms=None,
            duration_ms=None,
            error_message=None,
            input_tokens=None,
            output_tokens=None,
            cached_input_tokens=None,
            cost_eur=None,
            message_count=0,
            org_access=None if actor.organization_id is None else new.org_access,
            created_at=now,
            started_at=now,
            updated_at=now,
            completed_at=None,
        )
        metadata = metadata_of(new.metadata)
        async with self.unit_of_work() as work:
            await self._check_key(new, reader, work)
            if new.project_id is not None:
                project = await _lock_project(new.project_id, reader, work)
                _must_fit(project, run.organization_id)
            kept = await retention_of(run, work)
            await work.runs.add(run, metadata if kept.keeps_content else {})
            await enter_run(
                WorkbenchActKind.RUN_CREATED, run, work,
                actor=actor, new_id=self.new_id, at=now,
                after={"mode": run.mode, "org_access": run.org_access},
            )  # fmt: skip
        return run

    async def _check_key(self, new: NewRun, reader: Reader, work: WorkbenchWork) -> None:
        if new.api_key_id is None:
            return
        if reader.api_key_id not in {None, new.api_key_id}:
            raise ApiKeyNotAllowed
        if await work.api_keys.lock(new.api_key_id, user_id=reader.user_id) is None:
            raise ApiKeyNotAllowed


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRun:
    """Give a run a title, put it into a project, share it."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    organization_queries: OrganizationQueries
    clock: Clock
    new_id: NewId

    async def __call__(self, run_id: RunId, changes: Mapping[str, Any], *, actor: Actor) -> Run:
        """Store ``title``, ``project_id``, ``org_access`` or ``is_shared`` of ``changes``.

        Raises:
            RunNotFound: There is none that the actor may see.
            UserRequired: It is a key that asks.
            RunIsReadOnly: It is shared with the actor to read.
            OwnerRequired: It is somebody else's to share, or to put somewhere.
            ProjectNotAllowed: The project is not the actor's to use, or in another workspace.
        """
        reader, now = await reader_of(actor, self.organization_queries), self.clock.now()
        async with self.unit_of_work() as work:
            project = await _lock_project(changes.get("project_id"), reader, work)  # it comes first
            before = await lock_run(run_id, reader, work)
            reader.must_be_signed_in()
            must_be_writable(before, reader)
            changes = with_access(changes, before.org_access)
            if {"project_id", "org_access"} & set(changes) and not before.is_owned_by(reader):
                raise OwnerRequired
            after = replace(before, **changes)
            if "title" in changes:
                after = replace(after, title=title_of(after.title))
            if after.organization_id is None:
                after = replace(after, org_access=None)
            if after.project_id not in {None, before.project_id}:
                _must_fit(project, after.organization_id)
            if after == before:
                return before
            after = replace(after, updated_at=now)
            await work.runs.save(after)
            was, is_now = differing(before, after, ("project_id", "org_access"))
            await enter_run(
                WorkbenchActKind.RUN_UPDATED, after, work,
                actor=actor, new_id=self.new_id, at=now,
                before=was, after=is_now,
            )  # fmt: skip
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRun:
    """Take a run away: nobody sees it any more, and after a while it is gone."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    organization_queries: OrganizationQueries
    clock: Clock
    new_id: NewId

    async def __call__(self, run_id: RunId, *, actor: Actor) -> Run:
        """Delete it.

        Raises:
            RunNotFound: There is none that the actor may see.
            UserRequired: It is a key that asks.
            OwnerRequired: It is somebody else's.
        """
        reader, now = await reader_of(actor, self.organization_queries), self.clock.now()
        async with self.unit_of_work() as work:
            before = await lock_run(run_id, reader, work)
            reader.must_be_signed_in()
            if not before.is_owned_by(reader):
                raise OwnerRequired
            after = replace(before, deleted_at=now, updated_at=now)
            await work.runs.save(after)
            await enter_run(
                WorkbenchActKind.RUN_DELETED, after, work,
                actor=actor, new_id=self.new_id, at=now,
            )  # fmt: skip
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How a run has ended, or one turn of it. ``None`` leaves what is known."""

    status: str
    ttft_ms: int | None = None
    duration_ms: int | None = None
    error_message: str | None = None
    metadata: Mapping[str, Any] | None = None
    input_tokens: int | None = None
    """Of the whole run, like the two that follow."""
    output_tokens: int | None = None
    cached_input_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRun:
    """Say how a run has ended. A chat does so at each turn."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    organization_queries: OrganizationQueries
    run_queries: RunQueries
    offering_queries: OfferingQueries
    clock: Clock

    async def __call__(self, run_id: RunId, end: Completion, *, actor: Actor) -> Run:
        """Store it; metadata is added to what there is.

        Raises:
            RunNotFound: There is none that the actor may see.
            RunIsReadOnly: It is shared with the actor to read.
            InvalidStatus: That is no end.
            RunInvalid: A number, or the metadata, cannot be.
        """
        reader, now = await reader_of(actor, self.organization_queries), self.clock.now()
        status = _end_of(end.status)
        times: dict[str, Any] = {
            field: count_of(field, getattr(end, field), MOST_MS)
            for field in ("ttft_ms", "duration_ms")
        }
        usage = usage_of(end.input_tokens, end.output_tokens, end.cached_input_tokens)
        cost_eur = await cost_of(
            usage,
            run_id,
            reader,
            runs=self.run_queries,
            offerings=self.offering_queries,
            at=now,
        )
        patch = metadata_of(end.metadata)
        async with self.unit_of_work() as work:
            before = await lock_run(run_id, reader, work)
            must_be_writable(before, reader)
            kept = await retention_of(before, work)
            message = storable(end.error_message or "").strip()[:LONGEST_ERROR]
            after = replace(
                before,
                status=status,
                completed_at=now,
                updated_at=now,
                error_message=(message if kept.keeps_content else "") or before.error_message,
                **{field: value for field, value in times.items() if value is not None},
            )
            if usage != TokenUsage():
                after = after.with_usage(usage, cost_eur)
            await work.runs.save(after)
            if patch and kept.keeps_content:
                whole = metadata_of({**await work.runs.metadata(run_id), **patch})
                await work.runs.put_metadata(run_id, whole)
        return after


def _end_of(word: str) -> RunStatus:
    status = word.strip().lower()
    if status not in ENDS:
        raise InvalidStatus
    return RunStatus(status)


async def lock_run(run_id: RunId, reader: Reader, work: WorkbenchWork) -> Run:
    """Return a run that the reader may see, or raise `RunNotFound`."""
    run = await work.runs.lock(run_id, reader=reader)
    if run is None:
        raise RunNotFound(run_id=run_id)
    return run


def must_be_writable(run: Run, reader: Reader) -> None:
    """Return if the reader may add to the run, or raise `RunIsReadOnly`."""
    if not run.may_be_written_by(reader):
        raise RunIsReadOnly


async def retention_of(run: Run, work: WorkbenchWork) -> Retention:
    """Return what is kept of a run."""
    if run.organization_id is None:
        return Retention()
    return await work.retention.find(run.organization_id)


async def _lock_project(
    project_id: ProjectId | None, reader: Reader, work: WorkbenchWork
) -> Project | None:
    """Return a project that the reader, or whose key it is, may see.

    Projects are locked before runs, so that nobody waits in a circle.
    """
    if project_id is None:
        return None
    return await work.projects.lock(project_id, reader=reader.as_user)


def _must_fit(project: Project | None, organization_id: OrganizationId | None) -> None:
    """Return if runs of that workspace may be put there."""
    if project is None or project.organization_id != organization_id:
        raise ProjectNotAllowed
