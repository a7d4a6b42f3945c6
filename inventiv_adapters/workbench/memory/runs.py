"""Runs, in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.kernel.pagination import Key, Rows, Window, has_needle
from inventiv_core.workbench.entities import (
    Message,
    MessageRole,
    Reader,
    Run,
    RunId,
    RunMetadata,
)
from inventiv_core.workbench.ports import (
    RunQueries,
    RunRepository,
)
from inventiv_core.workbench.views import Place, RunFilter, Scope


class MemoryRuns(RunRepository):
    """The runs."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._runs = database.table(Run)
        self._metadata = database.table(RunMetadata)

    async def add(self, run: Run, metadata: Mapping[str, Any]) -> None:
        self._runs[run.id] = run
        self._metadata[run.id] = RunMetadata(values=metadata)

    async def lock(self, run_id: RunId, *, reader: Reader) -> Run | None:
        run = self._runs.get(run_id)
        return run if run is not None and _is_visible(run, reader) else None

    async def save(self, run: Run) -> None:
        self._runs[run.id] = run

    async def metadata(self, run_id: RunId) -> Mapping[str, Any]:
        return self._metadata[run_id].values

    async def put_metadata(self, run_id: RunId, metadata: Mapping[str, Any]) -> None:
        self._metadata[run_id] = RunMetadata(values=metadata)

    async def find_sent(
        self, run_id: RunId, *, sent_index: int, role: MessageRole, content: str
    ) -> Message | None:
        for message in messages_of(self._database, run_id):
            if (message.sent_index, message.role, message.content) == (sent_index, role, content):
                return message
        return None

    async def place(self, run_id: RunId, index: int) -> Place:
        taken = [message.message_index for message in messages_of(self._database, run_id)]
        return Place(is_taken=index in taken, last_index=max(taken, default=-1))

    async def add_message(self, message: Message) -> None:
        self._database.table(Message)[message.id] = message


class MemoryRunQueries(RunQueries):
    """The read side of runs."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, reader: Reader, scope: Scope, *, limit: int) -> Sequence[Run]:
        newest = Window(key=Key(name="created_at", kind=datetime), descending=True, limit=limit)
        return within(newest, self._visible(reader, scope))

    async def search(
        self, reader: Reader, scope: Scope, where: RunFilter, window: Window
    ) -> Rows[Run]:
        runs = self._visible(reader, scope)
        found = [run for run in runs if self._matches(run, where)]
        return Rows(rows=within(window, found), total_count=len(runs), filtered_count=len(found))

    async def find(self, run_id: RunId, *, reader: Reader) -> Run | None:
        return await MemoryRuns(self._database).lock(run_id, reader=reader)

    async def messages(self, run_id: RunId, *, limit: int) -> Sequence[Message]:
        return messages_of(self._database, run_id)[:limit]

    def _visible(self, reader: Reader, scope: Scope) -> Sequence[Run]:
        everywhere = scope.everywhere or reader.api_key_id is not None
        return [
            run
            for run in self._database.table(Run).values()
            if _is_visible(run, reader)
            and (everywhere or run.organization_id == scope.organization_id)
        ]

    def _matches(self, run: Run, where: RunFilter) -> bool:
        if (
            where.model_id not in {None, run.model_id}
            or where.status not in {None, run.status}
            or where.mode not in {None, run.mode}
            or where.project_id not in {None, run.project_id}
            or where.is_shared not in {None, run.org_access is not None}
        ):
            return False
        said = (message.content for message in messages_of(self._database, run.id))
        return has_needle(where.needle, run.title, *said)


def messages_of(database: MemoryDatabase, run_id: RunId) -> Sequence[Message]:
    """Return what was said in a run, in order."""
    said = [message for message in database.table(Message).values() if message.run_id == run_id]
    return sorted(said, key=lambda message: message.message_index)


def _is_visible(run: Run, reader: Reader) -> bool:
    if run.deleted_at is not None:
        return False
    if reader.api_key_id is not None:
        return run.created_via_api_key_id == reader.api_key_id
    is_own = run.created_by_user_id == reader.user_id
    if run.organization_id is None:
        return is_own
    return run.organization_id in reader.organizations and (is_own or run.org_access is not None)
