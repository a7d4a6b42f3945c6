"""What the workbench needs from the outside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.identity.ports.api_keys import ApiKeyRepository
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.workbench.entities import (
    Message,
    MessageRole,
    Project,
    ProjectId,
    Reader,
    Retention,
    Run,
    RunId,
)
from inventiv_core.workbench.views import LiveModel, Place, RunFilter, Scope


class ProjectRepository(Protocol):
    """Projects, one at a time."""

    async def add(self, project: Project) -> None:
        """Store a new project."""
        ...

    async def lock(self, project_id: ProjectId, *, reader: Reader) -> Project | None:
        """Return a project that is not deleted, if the reader may see it.

        It is one's own, or shared, in one of the reader's organizations, or in one's personal
        workspace. Nobody else changes it before the work ends. Keys see none.
        """
        ...

    async def save(self, project: Project) -> None:
        """Store a locked project in place of what it was."""
        ...

    async def release_runs(self, project_id: ProjectId, *, but_of: UserId | None) -> None:
        """Take all runs out of a project, but for those of one user."""
        ...


class RunRepository(Protocol):
    """Runs and their messages."""

    async def add(self, run: Run, metadata: Mapping[str, Any]) -> None:
        """Store a new run."""
        ...

    async def lock(self, run_id: RunId, *, reader: Reader) -> Run | None:
        """Return a run that is not deleted, if the reader may see it; wait for other changes.

        A key sees what was made with it; a user what is their own, or shared, in one of the
        reader's organizations, or in their personal workspace. Nobody else changes the run,
        nor adds to it, before the work ends.
        """
        ...

    async def save(self, run: Run) -> None:
        """Store a locked run in place of what it was."""
        ...

    async def metadata(self, run_id: RunId) -> Mapping[str, Any]:
        """Return what is kept with a locked run."""
        ...

    async def put_metadata(self, run_id: RunId, metadata: Mapping[str, Any]) -> None:
        """Keep this with a locked run, in place of what was."""
        ...

    async def find_sent(
        self, run_id: RunId, *, sent_index: int, role: MessageRole, content: str
    ) -> Message | None:
        """Return the message of a locked run that was sent like this."""
        ...

    async def place(self, run_id: RunId, index: int) -> Place:
        """Return what there is at that place of a locked run."""
        ...

    async def add_message(self, message: Message) -> None:
        """Store a message of a locked run, at a place that is free."""
        ...


class RetentionRepository(Protocol):
    """How long organizations keep what."""

    async def find(self, owner: OrganizationId) -> Retention:
        """Return what the organization has chosen; it has chosen nothing if nobody has said."""
        ...

    async def lock(self, owner: OrganizationId) -> Retention:
        """Like `find`, and let nobody else choose before the work ends."""
        ...

    async def put(self, owner: OrganizationId, retention: Retention) -> None:
        """Store what the organization has chosen."""
        ...

    async def delete_expired(self, *, at: datetime, limit: int) -> int:
        """Delete runs that are older than their organizations want; return how many.

        What somebody else is changing at this moment stays until next time.
        """
        ...

    async def erase_content(self, *, limit: int) -> int:
        """Empty messages where organizations keep no content; return how many.

        What is kept with their runs goes as well.
        """
        ...

    async def purge(self, *, deleted_before: datetime, limit: int) -> int:
        """Delete for good what was deleted before that, or whose organization was."""
        ...


class RunQueries(Protocol):
    """Runs as people look at them. Reads only; what the reader may not see is not there."""

    async def list(self, reader: Reader, scope: Scope, *, limit: int) -> Sequence[Run]:
        """List the newest runs, in one statement. What a key sees is in no workspace."""
        ...

    async def search(
        self, reader: Reader, scope: Scope, where: RunFilter, window: Window
    ) -> Rows[Run]:
        """Return the runs in that window of a search, in two statements."""
        ...

    async def find(self, run_id: RunId, *, reader: Reader) -> Run | None:
        """Return one run."""
        ...

    async def messages(self, run_id: RunId, *, limit: int) -> Sequence[Message]:
        """Return the messages of a run that the reader has found, in order."""
        ...


class ProjectQueries(Protocol):
    """Projects as people look at them."""

    async def list(self, reader: Reader, scope: Scope, *, limit: int) -> Sequence[Project]:
        """List projects: personal ones, then by organization; in each, by name, newest first."""
        ...


class RetentionQueries(Protocol):
    """What organizations have chosen."""

    async def find(self, owner: OrganizationId) -> Retention:
        """Return what the organization has chosen; it has chosen nothing if nobody has said."""
        ...


class LiveModelQueries(Protocol):
    """Whose machines answer."""

    async def live(
        self, owners: Collection[OrganizationId], *, heard_since: datetime
    ) -> Sequence[LiveModel]:
        """Return for which models machines of these organizations answer.

        Their instances are ready and have an address, and their workers have said since then
        that they are ready.
        """
        ...


class WorkbenchWork(ActWork, Protocol):
    """What one atomic piece of work in the workbench may touch."""

    @property
    def projects(self) -> ProjectRepository: ...
    @property
    def runs(self) -> RunRepository: ...
    @property
    def retention(self) -> RetentionRepository: ...
    @property
    def api_keys(self) -> ApiKeyRepository: ...
