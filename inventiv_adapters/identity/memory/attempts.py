"""Attempts, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.entities.attempts import Attempts
from inventiv_core.identity.ports.attempts import AttemptRepository


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted under one key."""

    attempts: Attempts


def _row(key: str) -> UUID:
    return uuid5(NAMESPACE_OID, key)


class MemoryAttempts(AttemptRepository):
    """The attempts."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(_Counted)

    async def count(self, key: str, *, at: datetime, window: timedelta) -> Attempts:
        known = self._table.get(_row(key))
        made = Attempts(count=1, since=at)
        if known is not None and known.attempts.since + window > at:
            made = replace(known.attempts, count=known.attempts.count + 1)
        self._table[_row(key)] = _Counted(made)
        return made

    async def take_back(self, key: str) -> None:
        known = self._table.get(_row(key))
        if known is not None and known.attempts.count > 0:
            made = replace(known.attempts, count=known.attempts.count - 1)
            self._table[_row(key)] = _Counted(made)

    async def forgive(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._table.pop(_row(key), None)

    async def forget(self, *, before: datetime) -> int:
        old = [row for row, known in self._table.items() if known.attempts.since < before]
        for row in old:
            del self._table[row]
        return len(old)
