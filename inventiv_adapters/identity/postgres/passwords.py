"""Password resets, in Postgres."""

from dataclasses import asdict
from datetime import datetime

from inventiv_adapters.kernel.postgres import Connection, count_rows, fetch_one
from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.passwords import PasswordReset
from inventiv_core.identity.ports.passwords import PasswordResetRepository

_PUT = """
    INSERT INTO password_resets (id, user_id, token_hash, created_at, expires_at)
    VALUES (%(id)s, %(user_id)s, %(token_hash)s, %(created_at)s, %(expires_at)s)
    ON CONFLICT (user_id) DO UPDATE SET
        id = EXCLUDED.id, token_hash = EXCLUDED.token_hash, created_at = EXCLUDED.created_at,
        expires_at = EXCLUDED.expires_at
"""

_FIND = """
    SELECT id, user_id, token_hash, created_at, expires_at FROM password_resets
    WHERE token_hash = %(token_hash)s AND expires_at > %(now)s
"""

_TAKE = "DELETE FROM password_resets WHERE token_hash = %(token_hash)s AND expires_at > %(now)s"

_WITHDRAW = "DELETE FROM password_resets WHERE user_id = %(user_id)s"

_FORGET = "DELETE FROM password_resets WHERE expires_at < %(expired_before)s"


class PostgresPasswordResets(PasswordResetRepository):
    """The resets."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, reset: PasswordReset) -> None:
        await self._connection.execute(_PUT, asdict(reset))

    async def find(self, token_hash: str, *, now: datetime) -> PasswordReset | None:
        return await fetch_one(
            self._connection, PasswordReset, _FIND, token_hash=token_hash, now=now
        )

    async def take(self, token_hash: str, *, now: datetime) -> bool:
        return await count_rows(self._connection, _TAKE, token_hash=token_hash, now=now) > 0

    async def withdraw(self, user_id: UserId) -> None:
        await self._connection.execute(_WITHDRAW, {"user_id": user_id})

    async def forget(self, *, expired_before: datetime) -> int:
        return await count_rows(self._connection, _FORGET, expired_before=expired_before)
