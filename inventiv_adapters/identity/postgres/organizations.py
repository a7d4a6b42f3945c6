"""Organizations, in Postgres."""

from dataclasses import asdict

from psycopg.errors import UniqueViolation

from inventiv_adapters.kernel.postgres import Connection, fetch_all, fetch_one
from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.errors.organizations import SlugTaken
from inventiv_core.identity.ports.organizations import OrganizationRepository

_ADD = """
    INSERT INTO organizations
        (id, name, slug, created_by_user_id, created_at, subscription_plan, wallet_balance_eur)
    VALUES
        (%(id)s, %(name)s, %(slug)s, %(created_by_user_id)s, %(created_at)s,
         %(subscription_plan)s, %(wallet_balance_eur)s)
"""

_FIND_BY_SLUG = """
    SELECT id, name, slug, created_by_user_id, created_at, subscription_plan, wallet_balance_eur
    FROM organizations
    WHERE slug = %(slug)s
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

_OF_MEMBER = """
    SELECT organization_id FROM organization_memberships
    WHERE user_id = %(user_id)s
    ORDER BY created_at, organization_id
"""


class PostgresOrganizations(OrganizationRepository):
    """The organizations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, organization: Organization) -> None:
        try:
            await self._connection.execute(_ADD, asdict(organization))
        except UniqueViolation as error:
            raise SlugTaken(slug=organization.slug) from error

    async def find_by_slug(self, slug: str) -> Organization | None:
        return await fetch_one(self._connection, Organization, _FIND_BY_SLUG, slug=slug)

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

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        rows = await fetch_all(
            self._connection, dict[str, OrganizationId], _OF_MEMBER, user_id=user_id
        )
        return [row["organization_id"] for row in rows]
