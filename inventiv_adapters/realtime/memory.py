"""The log, in memory."""

from collections.abc import Sequence
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.kernel.bus import EventLog, Message, Stretch
from inventiv_core.kernel.events import TenantEvent


class MemoryEventLog(EventLog):
    """Reads the list of what was numbered."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def newest(self) -> int:
        return self._database.numbered

    async def after(self, id: int, *, limit: int) -> Stretch:
        return self._stretch(self._database.log, id, until=self._database.numbered, limit=limit)

    async def after_in(self, organization_id: UUID, id: int, *, until: int, limit: int) -> Stretch:
        theirs = [
            message
            for message in self._database.log
            if isinstance(message.event, TenantEvent)
            and message.event.organization_id == organization_id
        ]
        return self._stretch(theirs, id, until=until, limit=limit)

    def _stretch(self, log: Sequence[Message], id: int, *, until: int, limit: int) -> Stretch:
        kept = self._database.log
        found = [message for message in log if id < message.id <= until][:limit]
        return Stretch.found(
            found,
            after=id,
            until=found[-1].id if len(found) == limit else until,
            oldest=kept[0].id if kept else None,
            newest=self._database.numbered,
        )
