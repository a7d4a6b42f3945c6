"""What administrators of the platform can do with users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inventiv_core.identity.access import (
    Actor,
    OrganizationId,
    Permission,
    PlatformRole,
    Role,
    UserId,
)
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.names import address_of, username_of
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.passwords import must_be_good
from inventiv_core.identity.entities.users import (
    User,
    differences,
    personal_name,
    platform_role,
    revised,
)
from inventiv_core.identity.errors.users import (
    CannotDeleteSelf,
    EmailAndPasswordRequired,
    LastAdmin,
    LastOwner,
    LoginTaken,
    UserAlreadyExists,
    UserChangedMeanwhile,
    UserNotFound,
)
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.passwords import PasswordHasher
from inventiv_core.identity.ports.users import UserQueries
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.organizations import give_up
from inventiv_core.identity.use_cases.passwords import put_password
from inventiv_core.identity.use_cases.profile import put_profile
from inventiv_core.identity.views.users import UserFilter, UserRow, user_keys
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import (
    MAX_PAGE_ROWS,
    PageRequest,
    Rows,
    SearchPage,
    Window,
    search_page,
)
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers:
    """List the users of the platform."""

    user_queries: UserQueries

    async def __call__(self, *, actor: Actor) -> Sequence[UserRow]:
        """Return them, the newest first, without where they belong."""
        actor.must(Permission.MANAGE_USERS)
        return await self.user_queries.list(limit=MAX_PAGE_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchUsers:
    """Look through users and where they belong, page by page."""

    user_queries: UserQueries

    async def __call__(
        self, where: UserFilter, page: PageRequest, *, actor: Actor
    ) -> SearchPage[UserRow]:
        """Return a page of them, a row for each pair of user and organization.

        Raises:
            CursorInvalid: The cursor is not one of this list, sorted like this.
        """
        actor.must(Permission.MANAGE_USERS)

        async def find(window: Window) -> Rows[UserRow]:
            return await self.user_queries.search(where, window)

        return await search_page(find, page, user_keys(descending=page.descending))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUser:
    """Look at one user."""

    user_queries: UserQueries

    async def __call__(self, user_id: UserId, *, actor: Actor) -> UserRow:
        """Return the user, or raise `UserNotFound`."""
        actor.must(Permission.MANAGE_USERS)
        row = await self.user_queries.find(user_id)
        if row is None:
            raise UserNotFound
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """Who is to have an account."""

    email: str
    password: str
    username: str | None = None
    """By default the address."""
    role: str | None = None
    """By default a user like any other."""
    first_name: str | None = None
    last_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """Give somebody an account."""

    unit_of_work: UnitOfWork[IdentityWork]
    password_hasher: PasswordHasher
    clock: Clock
    new_id: NewId

    async def __call__(self, new: NewUser, *, actor: Actor) -> User:
        """Store the user, who belongs to no organization yet.

        Raises:
            EmailAndPasswordRequired: One of the two is blank.
            InvalidEmailFormat: The address is none.
            InvalidUsername: The user name is none.
            InvalidPlatformRole: There is no such role.
            PersonalNameTooLong: A name is too long.
            PasswordTooShort: The password has too few characters.
            PasswordTooLong: The password is too long.
            UserAlreadyExists: Somebody has that user name or address.
        """
        actor.must(Permission.MANAGE_USERS)
        if not new.email.strip() or not new.password.strip():
            raise EmailAndPasswordRequired
        email, now = address_of(new.email), self.clock.now()
        user = User(
            id=UserId(self.new_id()),
            username=username_of(new.username, email=email),
            email=email,
            password_hash="",
            role=platform_role(_given(new.role) or PlatformRole.USER),
            first_name=personal_name(new.first_name, field="first_name"),
            last_name=personal_name(new.last_name, field="last_name"),
            created_at=now,
            updated_at=now,
        )
        must_be_good(new.password)
        user = replace(user, password_hash=await self.password_hasher.hash(new.password))
        try:
            async with self.unit_of_work() as work:
                await work.users.add(user)
                act = Act(
                    id=self.new_id(),
                    kind=ActKind.USER_CREATED,
                    actor=actor,
                    organization_id=None,
                    subject=Subject.user(user.id, user.username),
                    at=now,
                    after={"username": user.username, "email": user.email, "role": user.role},
                )
                await enter(act, work)
        except LoginTaken as error:
            raise UserAlreadyExists from error
        return user


def _given(text: str | None) -> str | None:
    return (text or "").strip() or None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """What is to be different about a user."""

    profile: Mapping[str, str | None]
    """As `revised` understands it."""
    role: str | None = None
    """``None``, or a blank one, keeps it."""
    password: str | None = None
    """``None`` keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateUser:
    """Change a user: all of it, or nothing."""

    unit_of_work: UnitOfWork[IdentityWork]
    password_hasher: PasswordHasher
    clock: Clock
    new_id: NewId

    async def __call__(self, user_id: UserId, changes: UserChanges, *, actor: Actor) -> User:
        """Return what the user is now; a role counts from the next request on.

        Another password ends the sessions of the user, but for the one in use.

        Raises:
            PasswordBlank: There is nothing in the password.
            PasswordTooShort: It has too few characters.
            PasswordTooLong: It is too long.
            InvalidPlatformRole: There is no such role.
            UserNotFound: There is no such user.
            InvalidEmailFormat: The address is none.
            InvalidUsername: The user name is none.
            PersonalNameTooLong: A name is too long.
            LoginTaken: Somebody else has that user name or address.
            LastAdmin: Nobody would be left to administrate the platform.
        """
        actor.must(Permission.MANAGE_USERS)
        role = None if not _given(changes.role) else platform_role(changes.role or "")
        password_hash = None
        if changes.password is not None:
            must_be_good(changes.password)
            password_hash = await self.password_hasher.hash(changes.password)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            before = await _lock(user_id, work, or_refuse=role is PlatformRole.USER)
            after = revised(before, changes.profile, at=now)
            if role is not None and role is not before.role:
                after = replace(after, role=role, updated_at=now)
            if after != before:
                await put_profile(before, after, work, mail_id=self.new_id())
            if password_hash is not None:
                but = actor.session_id if actor.user_id == user_id else None
                await put_password(after, password_hash, work, at=now, but=but)
                after = replace(after, updated_at=now)
            if after != before or password_hash is not None:
                act = self._act(before, after, actor, password=password_hash is not None)
                await enter(act, work)
        return after

    def _act(self, before: User, after: User, actor: Actor, *, password: bool) -> Act:
        changed_from, changed_to = differences(before, after)
        return Act(
            id=self.new_id(),
            kind=ActKind.USER_UPDATED,
            actor=actor,
            organization_id=None,
            subject=Subject.user(after.id, before.username),
            at=after.updated_at,
            before=changed_from,
            after=changed_to,
            facts={"password_changed": True} if password else {},
        )


async def _lock(user_id: UserId, work: IdentityWork, *, or_refuse: bool) -> User:
    """Lock a user; with ``or_refuse``, raise `LastAdmin` if there is no other administrator."""
    if not or_refuse:
        user = await work.users.lock(user_id)
    else:
        locked = await work.users.lock_with_admins(user_id)
        user = next((known for known in locked if known.id == user_id), None)
        admins = [known.id for known in locked if known.role is PlatformRole.ADMIN]
        if admins == [user_id]:
            raise LastAdmin
    if user is None:
        raise UserNotFound
    return user


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUser:
    """Delete a user, with every way in that is theirs.

    Their sessions, memberships, resets and own API keys end with them. What they made for
    others stays: organizations, invitations, machines. The books keep their name.
    An organization that nobody else belongs to, and that has no machines, is given up.
    """

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, user_id: UserId, *, actor: Actor) -> None:
        """Delete the user, who loses access at once.

        Raises:
            CannotDeleteSelf: It is one's own account.
            UserNotFound: There is no such user.
            LastAdmin: Nobody would be left to administrate the platform.
            LastOwner: An organization with other members, or machines, would have no owner.
            UserChangedMeanwhile: Somebody has just made a member of the user.
        """
        actor.must(Permission.MANAGE_USERS)
        if actor.user_id == user_id:
            raise CannotDeleteSelf
        now = self.clock.now()
        async with self.unit_of_work() as work:
            locked = await _lock_organizations(user_id, work)
            user = await _lock(user_id, work, or_refuse=True)
            if not set(await work.organizations.of_member(user_id)) <= locked.keys():
                raise UserChangedMeanwhile
            for organization in await _to_give_up(user_id, locked, work):
                await give_up(organization, actor, work, act_id=self.new_id(), now=now)
            await work.users.remove(user_id)
            await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
            await enter(self._act(user, actor, now), work)

    def _act(self, user: User, actor: Actor, now: datetime) -> Act:
        return Act(
            id=self.new_id(),
            kind=ActKind.USER_DELETED,
            actor=actor,
            organization_id=None,
            subject=Subject.user(user.id, user.username),
            at=now,
            before={"username": user.username, "email": user.email, "role": user.role},
        )


async def _lock_organizations(
    user_id: UserId, work: IdentityWork
) -> dict[OrganizationId, Organization]:
    """Lock where the user belongs, by id: organizations come before users."""
    locked: dict[OrganizationId, Organization] = {}
    for organization_id in sorted(await work.organizations.of_member(user_id)):
        organization = await work.organizations.lock_alone(organization_id)
        if organization is not None:
            locked[organization_id] = organization
    return locked


async def _to_give_up(
    user_id: UserId, locked: Mapping[OrganizationId, Organization], work: IdentityWork
) -> list[Organization]:
    """Return the organizations that end with the user; raises `LastOwner` if some cannot."""
    ending: list[Organization] = []
    needed: list[str] = []
    for organization in locked.values():
        membership = await work.organizations.find_member(organization.id, user_id)
        if membership is None or membership.role is not Role.OWNER:
            continue
        if await work.organizations.count_owners(organization.id) > 1:
            continue
        is_alone = await work.organizations.count_members(organization.id) == 1
        if is_alone and not await work.estates.living_instances(organization.id):
            ending.append(organization)
        else:
            needed.append(organization.slug)
    if needed:
        raise LastOwner(organizations=tuple(needed))
    return ending
