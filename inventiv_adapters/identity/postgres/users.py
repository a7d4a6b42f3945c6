"""Users, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, LiteralString

from psycopg.errors import UniqueViolation

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    Searches,
    fetch_all,
    fetch_one,
    pattern,
    search,
    searches,
)
from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.users import LoginTaken
from inventiv_core.identity.ports.users import UserQueries, UserRepository
from inventiv_core.identity.views.users import UserFilter, UserRow
from inventiv_core.kernel.pagination import Rows, Window

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

_LOCK_WITH_ADMINS = """
    SELECT id, username, email, password_hash, role, first_name, last_name, created_at, updated_at,
           account_plan, wallet_balance_eur
    FROM users
    WHERE id = %(user_id)s OR role = 'admin'
    ORDER BY id
    FOR UPDATE
"""

_REMOVE = "DELETE FROM users WHERE id = %(user_id)s"

_LIST = """
    SELECT id AS user_id, username, email, role, first_name, last_name, created_at, updated_at
    FROM users
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
"""

_FIND_ROW = """
    SELECT id AS user_id, username, email, role, first_name, last_name, created_at, updated_at
    FROM users
    WHERE id = %(user_id)s
"""


def _pairs(columns: LiteralString, rest: LiteralString) -> LiteralString:
    return f"""
    SELECT {columns}
    FROM users u
    LEFT JOIN organization_memberships m ON m.user_id = u.id
    LEFT JOIN organizations o ON o.id = m.organization_id
    WHERE (%(pattern)s::text IS NULL OR u.username ILIKE %(pattern)s OR u.email ILIKE %(pattern)s)
      AND (%(organization_id)s::uuid IS NULL OR m.organization_id = %(organization_id)s)
      AND (%(organization_role)s::text IS NULL OR m.role = %(organization_role)s)
      {rest}"""


_COLUMNS = (
    "u.id AS user_id, u.username, u.email, u.role, u.first_name, u.last_name, u.created_at, "
    "u.updated_at, o.id AS organization_id, o.name AS organization_name, "
    "o.slug AS organization_slug, m.role AS organization_role"
)

_COUNT = _pairs("(SELECT count(*) FROM users) AS total_count, count(*) AS filtered_count", "")


def _searches(*, descending: bool) -> Searches:
    missing: LiteralString = "''" if descending else "chr(1114111)"
    values: dict[str, LiteralString] = {
        "username": "u.username",
        "email": "u.email",
        "role": "u.role",
        "created_at": """to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')""",
        "updated_at": """to_char(u.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')""",
        "organization_name": f"COALESCE(o.name, {missing})",
        "organization_role": f"COALESCE(m.role, {missing})",
    }
    # value and user in one, so that the organization breaks the ties that are left
    keys: dict[str, tuple[LiteralString, LiteralString]] = {
        name: (f'(({value} || chr(1) || u.id::text) COLLATE "C")', "text")
        for name, value in values.items()
    }
    return searches(
        _pairs(_COLUMNS, "{after} {order} OFFSET %(offset)s LIMIT %(limit)s"),
        keys,
        id="COALESCE(o.id, '00000000-0000-0000-0000-000000000000'::uuid)",
    )


_UPWARDS: Final = _searches(descending=False)
_DOWNWARDS: Final = _searches(descending=True)


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

    async def lock_with_admins(self, user_id: UserId) -> Sequence[User]:
        return await fetch_all(self._connection, User, _LOCK_WITH_ADMINS, user_id=user_id)

    async def remove(self, user_id: UserId) -> None:
        await self._connection.execute(_REMOVE, {"user_id": user_id})

    async def _put(self, statement: LiteralString, user: User) -> None:
        try:
            await self._connection.execute(statement, asdict(user))
        except UniqueViolation as error:
            raise LoginTaken from error


class PostgresUserQueries(UserQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, *, limit: int) -> Sequence[UserRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, UserRow, _LIST, limit=limit)

    async def find(self, user_id: UserId) -> UserRow | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, UserRow, _FIND_ROW, user_id=user_id)

    async def search(self, where: UserFilter, window: Window) -> Rows[UserRow]:
        statements = _DOWNWARDS if window.descending else _UPWARDS
        async with self._pool.connection() as connection:
            return await search(
                connection,
                UserRow,
                statements,
                _COUNT,
                window,
                pattern=pattern(where.needle),
                organization_id=where.organization_id,
                organization_role=where.organization_role,
            )
