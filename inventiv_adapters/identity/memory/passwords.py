"""Password resets, in memory."""

from datetime import datetime

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.passwords import PasswordReset
from inventiv_core.identity.ports.passwords import PasswordResetRepository


class MemoryPasswordResets(PasswordResetRepository):
    """The resets, by user."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(PasswordReset)

    async def put(self, reset: PasswordReset) -> None:
        self._table[reset.user_id] = reset

    async def find(self, token_hash: str, *, now: datetime) -> PasswordReset | None:
        for reset in self._table.values():
            if reset.token_hash == token_hash and reset.expires_at > now:
                return reset
        return None

    async def take(self, token_hash: str, *, now: datetime) -> bool:
        reset = await self.find(token_hash, now=now)
        if reset is not None:
            del self._table[reset.user_id]
        return reset is not None

    async def withdraw(self, user_id: UserId) -> None:
        self._table.pop(user_id, None)

    async def forget(self, *, expired_before: datetime) -> int:
        old = [key for key, reset in self._table.items() if reset.expires_at < expired_before]
        for key in old:
            del self._table[key]
        return len(old)
