"""The first start: an administrator and an organization."""

from dataclasses import dataclass, replace

from inventiv_core.identity.access import (
    Actor,
    OrganizationId,
    Permission,
    PlatformRole,
    Role,
    UserId,
)
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.organizations import SlugTaken
from inventiv_core.identity.errors.users import LoginTaken
from inventiv_core.identity.ports.passwords import PasswordHasher
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdmin:
    """Who is to run the platform, and for which team, on the first start."""

    username: str
    email: str
    first_name: str | None
    last_name: str | None
    password: str
    organization_name: str
    organization_slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """What the first start has made."""

    user: User
    created: bool
    """Whether the administrator is new, so that the password given is now in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Make sure that there is an administrator and a default organization. Safe to repeat."""

    unit_of_work: UnitOfWork[IdentityWork]
    password_hasher: PasswordHasher
    clock: Clock
    new_id: NewId

    async def __call__(
        self, first: FirstAdmin, *, update_password: bool = False, actor: Actor
    ) -> Bootstrapped:
        """Create what is missing; an administrator who is there stays as they are.

        With ``update_password`` the password, the address and the names are set again.
        """
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            user = await work.users.find_by_login(first.username)
        if user is None or update_password:
            password_hash = await self.password_hasher.hash(first.password)
            user, created = await self._put_admin(first, user, password_hash)
        else:
            created = False
        await self._ensure_organization(first, user)
        return Bootstrapped(user=user, created=created)

    async def _put_admin(
        self, first: FirstAdmin, known: User | None, password_hash: str
    ) -> tuple[User, bool]:
        """Store the administrator; tell whether it was us who created them."""
        now = self.clock.now()
        if known is not None:
            user = replace(
                known,
                email=first.email,
                first_name=first.first_name,
                last_name=first.last_name,
                password_hash=password_hash,
                updated_at=now,
            )
            async with self.unit_of_work() as work:
                await work.users.save(user)
            return user, False
        user = User(
            id=UserId(self.new_id()),
            username=first.username,
            email=first.email,
            password_hash=password_hash,
            role=PlatformRole.ADMIN,
            first_name=first.first_name,
            last_name=first.last_name,
            created_at=now,
            updated_at=now,
        )
        try:
            async with self.unit_of_work() as work:
                await work.users.add(user)
        except LoginTaken:  # another process starts at the same time
            async with self.unit_of_work() as work:
                theirs = await work.users.find_by_login(first.username)
            if theirs is None:  # no: the address is somebody else's
                raise
            return theirs, False
        return user, True

    async def _ensure_organization(self, first: FirstAdmin, admin: User) -> None:
        async with self.unit_of_work() as work:
            organization = await work.organizations.find_by_slug(first.organization_slug)
        if organization is None:
            organization = await self._add_organization(first, admin)
        async with self.unit_of_work() as work:
            await work.organizations.add_member(
                Membership(
                    organization_id=organization.id,
                    user_id=admin.id,
                    role=Role.OWNER,
                    created_at=self.clock.now(),
                )
            )

    async def _add_organization(self, first: FirstAdmin, admin: User) -> Organization:
        organization = Organization(
            id=OrganizationId(self.new_id()),
            name=first.organization_name,
            slug=first.organization_slug,
            created_by_user_id=admin.id,
            created_at=self.clock.now(),
        )
        try:
            async with self.unit_of_work() as work:
                await work.organizations.add(organization)
        except SlugTaken:  # by another process that starts at the same time
            async with self.unit_of_work() as work:
                theirs = await work.organizations.find_by_slug(first.organization_slug)
            if theirs is None:
                raise
            return theirs
        return organization
