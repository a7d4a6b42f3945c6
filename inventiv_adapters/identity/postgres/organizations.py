"""Organizations, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import LiteralString

from psycopg.errors import UniqueViolation

from inventiv_adapters.kernel.postgres import Connection, Pool, fetch_all, fetch_one, fetch_value
from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.errors.organizations import SlugTaken
from inventiv_core.identity.ports.organizations import OrganizationQueries, OrganizationRepository
from inventiv_core.identity.views.organizations import MemberRow, OrganizationRow

_ADD = """
    INSERT INTO organizations
        (id, name, slug, created_by_user_id, created_at, subscription_plan, wallet_balance_eur,
         deleted_at)
    VALUES
        (%(id)s, %(name)s, %(slug)s, %(created_by_user_id)s, %(created_at)s,
         %(subscription_plan)s, %(wallet_balance_eur)s, %(deleted_at)s)
"""

_FIND_BY_SLUG = """
    SELECT id, name, slug, created_by_user_id, created_at, subscription_plan, wallet_balance_eur,
           deleted_at
    FROM organizations
    WHERE slug = %(slug)s AND deleted_at IS NULL
"""

_KEEP = """
    SELECT true FROM organizations WHERE id = %(id)s AND deleted_at IS NULL FOR KEY SHARE
"""

_LOCK = """
    SELECT id, name, slug, created_by_user_id, created_at, subscription_plan, wallet_balance_eur,
           deleted_at
    FROM organizations
    WHERE id = %(id)s AND deleted_at IS NULL
    FOR NO KEY UPDATE
"""

_LOCK_ALONE = """
    SELECT id, name, slug, created_by_user_id, created_at, subscription_plan, wallet_balance_eur,
           deleted_at
    FROM organizations
    WHERE id = %(id)s AND deleted_at IS NULL
    FOR UPDATE
"""

_SAVE = """
    UPDATE organizations
    SET name = %(name)s, slug = %(slug)s, created_by_user_id = %(created_by_user_id)s,
        subscription_plan = %(subscription_plan)s, wallet_balance_eur = %(wallet_balance_eur)s,
        deleted_at = %(deleted_at)s
    WHERE id = %(id)s
"""

_ADD_MEMBER = """
    INSERT INTO organization_memberships (organization_id, user_id, role, created_at)
    VALUES (%(organization_id)s, %(user_id)s, %(role)s, %(created_at)s)
    ON CONFLICT DO NOTHING
"""

_FIND_MEMBER = """
    SELECT organization_id, user_id, role, created_at FROM organization_memberships
    WHERE organization_id = %(organization_id)s AND user_id = %(user_id)s
"""

_HAS_MEMBER_AT = """
    SELECT EXISTS (
        SELECT FROM organization_memberships m
        JOIN users u ON u.id = m.user_id
        WHERE m.organization_id = %(organization_id)s AND u.email = %(email)s)
"""

_SAVE_MEMBER = """
    UPDATE organization_memberships SET role = %(role)s
    WHERE organization_id = %(organization_id)s AND user_id = %(user_id)s
"""

_REMOVE_MEMBER = """
    DELETE FROM organization_memberships
    WHERE organization_id = %(organization_id)s AND user_id = %(user_id)s
"""

_REMOVE_MEMBERS = """
    DELETE FROM organization_memberships WHERE organization_id = %(organization_id)s
    RETURNING user_id
"""

_COUNT_OWNERS = """
    SELECT count(*) FROM organization_memberships
    WHERE organization_id = %(organization_id)s AND role = 'owner'
"""

_COUNT_MEMBERS = """
    SELECT count(*) FROM organization_memberships WHERE organization_id = %(organization_id)s
"""

_OF_MEMBER = """
    SELECT organization_id FROM organization_memberships
    WHERE user_id = %(user_id)s
    ORDER BY created_at, organization_id
"""

_LIST = """
    SELECT o.id, o.name, o.slug, o.created_at, mine.role, counted.member_count
    FROM organization_memberships mine
    JOIN organizations o ON o.id = mine.organization_id
    JOIN (
        SELECT organization_id, count(*) AS member_count
        FROM organization_memberships
        WHERE organization_id IN (
            SELECT organization_id FROM organization_memberships WHERE user_id = %(user_id)s)
        GROUP BY organization_id
    ) counted ON counted.organization_id = mine.organization_id
    WHERE mine.user_id = %(user_id)s
    ORDER BY o.created_at DESC, o.id DESC
    LIMIT %(limit)s
"""

_FIND = """
    SELECT o.id, o.name, o.slug, o.created_at, mine.role,
           (SELECT count(*) FROM organization_memberships WHERE organization_id = o.id)
               AS member_count
    FROM organization_memberships mine
    JOIN organizations o ON o.id = mine.organization_id
    WHERE mine.user_id = %(user_id)s AND mine.organization_id = %(organization_id)s
"""

_MEMBERS = """
    SELECT u.id AS user_id, u.username, u.email, u.first_name, u.last_name, m.role, m.created_at
    FROM organization_memberships m
    JOIN users u ON u.id = m.user_id
    WHERE m.organization_id = %(organization_id)s
    ORDER BY array_position(ARRAY['owner', 'admin', 'manager', 'user'], m.role), m.created_at,
             m.user_id
    LIMIT %(limit)s
"""


class PostgresOrganizations(OrganizationRepository):
    """The organizations.

    ``lock`` lets others refer to the row meanwhile: a session that moves into the
    organization, a machine that is rented for it. ``lock_alone`` does not.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, organization: Organization) -> None:
        await self._put(_ADD, organization)

    async def find_by_slug(self, slug: str) -> Organization | None:
        return await fetch_one(self._connection, Organization, _FIND_BY_SLUG, slug=slug)

    async def keep(self, organization_id: OrganizationId) -> bool:
        return await fetch_value(self._connection, _KEEP, id=organization_id) is not None

    async def lock(self, organization_id: OrganizationId) -> Organization | None:
        return await fetch_one(self._connection, Organization, _LOCK, id=organization_id)

    async def lock_alone(self, organization_id: OrganizationId) -> Organization | None:
        return await fetch_one(self._connection, Organization, _LOCK_ALONE, id=organization_id)

    async def save(self, organization: Organization) -> None:
        await self._put(_SAVE, organization)

    async def add_member(self, membership: Membership) -> None:
        await self._connection.execute(_ADD_MEMBER, asdict(membership))

    async def find_member(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> Membership | None:
        return await fetch_one(
            self._connection,
            Membership,
            _FIND_MEMBER,
            organization_id=organization_id,
            user_id=user_id,
        )

    async def has_member_at(self, organization_id: OrganizationId, email: str) -> bool:
        found: bool = await fetch_value(
            self._connection, _HAS_MEMBER_AT, organization_id=organization_id, email=email
        )
        return found

    async def save_member(self, membership: Membership) -> None:
        await self._connection.execute(_SAVE_MEMBER, asdict(membership))

    async def remove_member(self, organization_id: OrganizationId, user_id: UserId) -> None:
        values = {"organization_id": organization_id, "user_id": user_id}
        await self._connection.execute(_REMOVE_MEMBER, values)

    async def remove_members(self, organization_id: OrganizationId) -> Sequence[UserId]:
        rows = await fetch_all(
            self._connection, dict[str, UserId], _REMOVE_MEMBERS, organization_id=organization_id
        )
        return sorted(row["user_id"] for row in rows)

    async def count_owners(self, organization_id: OrganizationId) -> int:
        owners: int = await fetch_value(
            self._connection, _COUNT_OWNERS, organization_id=organization_id
        )
        return owners

    async def count_members(self, organization_id: OrganizationId) -> int:
        count: int = await fetch_value(
            self._connection, _COUNT_MEMBERS, organization_id=organization_id
        )
        return count

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        rows = await fetch_all(
            self._connection, dict[str, OrganizationId], _OF_MEMBER, user_id=user_id
        )
        return [row["organization_id"] for row in rows]

    async def _put(self, statement: LiteralString, organization: Organization) -> None:
        try:
            await self._connection.execute(statement, asdict(organization))
        except UniqueViolation as error:
            raise SlugTaken(slug=organization.slug) from error


class PostgresOrganizationQueries(OrganizationQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, user_id: UserId, *, limit: int) -> Sequence[OrganizationRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, OrganizationRow, _LIST, user_id=user_id, limit=limit)

    async def find(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> OrganizationRow | None:
        async with self._pool.connection() as connection:
            return await fetch_one(
                connection,
                OrganizationRow,
                _FIND,
                organization_id=organization_id,
                user_id=user_id,
            )

    async def members(self, organization_id: OrganizationId, *, limit: int) -> Sequence[MemberRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection, MemberRow, _MEMBERS, organization_id=organization_id, limit=limit
            )
