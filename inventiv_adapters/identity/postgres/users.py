"""Users, in Postgres."""

from dataclasses import asdict
from typing import LiteralString

from psycopg.errors import UniqueViolation

from inventiv_adapters.kernel.postgres import Connection, fetch_one
from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.users import LoginTaken
from inventiv_core.identity.ports.users import UserRepository

_ADD = """
    INSERT INTO users
        (id, username, email, password_hash, role, first_name, last_name, created_at, updated_at,
         account_plan, wallet_balance_eur)
    VALUES
        (%(id)s, %(username)s, %(email)s, %(password_hash)s, %(role)s, %(first_name)s,
         %(last_name)s, %(created_at)s, %(updated_at)s, %(account_plan)s, %(wallet_balance_eur)s)
"""

_FIND = """
    SELECT id, username, email, password_hash, role, first_name, last_name, created_at, updated_at,
           account_plan, wallet_balance_eur
    FROM users
    WHERE id = %(user_id)s
"""

_LOCK = """
    SELECT id, username, email, password_hash, role, first_name, last_name, created_at, updated_at,
           account_plan, wallet_balance_eur
    FROM users
    WHERE id = %(user_id)s
    FOR NO KEY UPDATE
"""

_FIND_BY_LOGIN = """
    SELECT id, username, email, password_hash, role, first_name, last_name, created_at, updated_at,
           account_plan, wallet_balance_eur
    FROM users
    WHERE username = %(login)s OR email = %(login)s
"""

_SAVE = """
    UPDATE users
    SET username = %(username)s, email = %(email)s, password_hash = %(password_hash)s,
        role = %(role)s, first_name = %(first_name)s, last_name = %(last_name)s,
        updated_at = %(updated_at)s, account_plan = %(account_plan)s,
        wallet_balance_eur = %(wallet_balance_eur)s
    WHERE id = %(id)s
"""


class PostgresUsers(UserRepository):
    """The users."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, user: User) -> None:
        await self._put(_ADD, user)

    async def find(self, user_id: UserId) -> User | None:
        return await fetch_one(self._connection, User, _FIND, user_id=user_id)

    async def lock(self, user_id: UserId) -> User | None:
        return await fetch_one(self._connection, User, _LOCK, user_id=user_id)

    async def find_by_login(self, login: str) -> User | None:
        return await fetch_one(self._connection, User, _FIND_BY_LOGIN, login=login)

    async def save(self, user: User) -> None:
        await self._put(_SAVE, user)

    async def _put(self, statement: LiteralString, user: User) -> None:
        try:
            await self._connection.execute(statement, asdict(user))
        except UniqueViolation as error:
            raise LoginTaken from error
