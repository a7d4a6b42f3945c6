"""Test data about people. Every argument has a default; a test names only what it is about."""

from itertools import count
from uuid import UUID

from inventiv_adapters.testing.times import NOON
from inventiv_core.identity.access import (
    ROLE_PERMISSIONS,
    Actor,
    OrganizationId,
    PlatformRole,
    Role,
    UserId,
)
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.entities.users import User

ACME = OrganizationId(UUID(int=0xACE))
OTHER = OrganizationId(UUID(int=0x07E))
ALICE = UserId(UUID(int=0xA11CE))

_numbers = count(0xA000)


def a_number() -> UUID:
    """Return an id that nothing else in the test has."""
    return UUID(int=next(_numbers))


def a_user(
    *,
    id: UserId = ALICE,
    username: str = "alice",
    password_hash: str = "-",  # noqa: S107 - nobody signs in with it
    role: PlatformRole = PlatformRole.USER,
) -> User:
    """Return a user: Alice, unless it is said."""
    return User(
        id=id,
        username=username,
        email=f"{username}@example.org",
        password_hash=password_hash,
        role=role,
        first_name=None,
        last_name=None,
        created_at=NOON,
        updated_at=NOON,
    )


def an_organization(
    *, id: OrganizationId = ACME, slug: str = "acme", by: UserId = ALICE
) -> Organization:
    """Return an organization: Acme, unless it is said."""
    return Organization(id=id, name=slug.title(), slug=slug, created_by_user_id=by, created_at=NOON)


def a_membership(
    *, user: UserId = ALICE, organization: OrganizationId = ACME, role: Role = Role.OWNER
) -> Membership:
    """Return that Alice owns Acme, or what else is said."""
    return Membership(organization_id=organization, user_id=user, role=role, created_at=NOON)


def an_actor(
    role: Role | None = Role.OWNER, *, organization: OrganizationId | None = ACME
) -> Actor:
    """Return Alice, in a role in an organization; without a role, in her personal workspace."""
    return Actor(
        user_id=ALICE,
        organization_id=None if role is None else organization,
        permissions=ROLE_PERMISSIONS[role],
    )
