"""What people can do about who they are: sign in, be recognised, sign out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from inventiv_core.identity.access import (
    ROLE_PERMISSIONS,
    Actor,
    OrganizationId,
    Permission,
    PlatformRole,
    Role,
    SessionId,
    UserId,
)
from inventiv_core.identity.entities import (
    LAST_USED_RESOLUTION,
    Membership,
    Organization,
    Session,
    User,
)
from inventiv_core.identity.errors import (
    CredentialsMissing,
    InvalidCredentials,
    InvalidToken,
    LoginRequired,
    LoginTaken,
    SessionInvalidOrExpired,
    SlugTaken,
)
from inventiv_core.identity.ports import (
    IdentityWork,
    PasswordHasher,
    SessionQueries,
    SessionTokens,
)
from inventiv_core.identity.views import SessionDetails
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Where a call comes from, as far as it can be trusted."""

    ip_address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that has just begun. The token is shown here and never again."""

    user: User
    session: Session
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """Begin a session."""

    unit_of_work: UnitOfWork[IdentityWork]
    password_hasher: PasswordHasher
    session_tokens: SessionTokens
    clock: Clock
    new_id: NewId
    session_lifetime: timedelta

    async def __call__(self, login: str, password: str, *, actor: Caller) -> SignedIn:
        """Sign in by user name or e-mail address, into the workspace used last.

        The answer to an unknown name takes as long as the one to a wrong password.

        Raises:
            CredentialsMissing: One of the two is blank.
            InvalidCredentials: They do not belong together.
        """
        login = login.strip().lower()
        if not login or not password.strip():
            raise CredentialsMissing
        async with self.unit_of_work() as work:
            user = await work.users.find_by_login(login)
        known_hash = None if user is None else user.password_hash
        if not await self.password_hasher.verify(password, known_hash) or user is None:
            raise InvalidCredentials
        async with self.unit_of_work() as work:
            return await begin_session(
                user,
                actor,
                work,
                tokens=self.session_tokens,
                session_id=SessionId(self.new_id()),
                now=self.clock.now(),
                lifetime=self.session_lifetime,
            )


async def begin_session(
    user: User,
    caller: Caller,
    work: IdentityWork,
    *,
    tokens: SessionTokens,
    session_id: SessionId,
    now: datetime,
    lifetime: timedelta,
) -> SignedIn:
    """Store a new session of ``user``, and return it with its token."""
    workspace = await _workspace(user.id, work)
    token = tokens.issue(
        user,
        session_id=session_id,
        organization_id=workspace,
        issued_at=now,
        expires_at=now + lifetime,
    )
    session = Session(
        id=session_id,
        user_id=user.id,
        current_organization_id=workspace,
        token_hash=tokens.hash(token),
        ip_address=caller.ip_address,
        user_agent=caller.user_agent,
        created_at=now,
        last_used_at=now,
        expires_at=now + lifetime,
    )
    await work.sessions.add(session)
    return SignedIn(user=user, session=session, token=token)


async def _workspace(user_id: UserId, work: IdentityWork) -> OrganizationId | None:
    """Return the workspace used last; else the only organization; else the personal one."""
    last = await work.sessions.last_workspace(user_id)
    if last is not None:
        return last
    memberships = await work.organizations.of_member(user_id)
    return memberships[0] if len(memberships) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Who a request comes from."""

    actor: Actor
    session: SessionDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognise:
    """Find out who a session token belongs to. The database decides, not the token."""

    unit_of_work: UnitOfWork[IdentityWork]
    session_queries: SessionQueries
    session_tokens: SessionTokens
    clock: Clock

    async def __call__(self, token: str | None, *, actor: Caller) -> Recognised:
        """Return the actor, with the role that the database has now.

        Raises:
            LoginRequired: There is no token.
            InvalidToken: It is damaged, expired, or not ours.
            SessionInvalidOrExpired: Its session has ended.
        """
        if not token:
            raise LoginRequired
        now = self.clock.now()
        self.session_tokens.verify(token, now=now)
        session = await self.session_queries.find(self.session_tokens.hash(token), now=now)
        if session is None:
            raise SessionInvalidOrExpired
        if now - session.last_used_at >= LAST_USED_RESOLUTION:
            async with self.unit_of_work() as work:
                await work.sessions.touch(session.session_id, at=now)
        return Recognised(
            actor=Actor(
                user_id=session.user_id,
                organization_id=session.organization_id,
                permissions=ROLE_PERMISSIONS[session.organization_role],
                session_id=session.session_id,
                source_ip=actor.ip_address,
            ),
            session=session,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOut:
    """End a session. Always succeeds: without a valid token there is nothing to end."""

    unit_of_work: UnitOfWork[IdentityWork]
    session_queries: SessionQueries
    session_tokens: SessionTokens
    clock: Clock

    async def __call__(self, token: str | None, *, actor: Caller) -> None:
        """Revoke the session that the token belongs to, if there is one."""
        del actor  # whoever holds a token may end its session
        if not token:
            return
        now = self.clock.now()
        try:
            self.session_tokens.verify(token, now=now)
        except InvalidToken:
            return
        session = await self.session_queries.find(self.session_tokens.hash(token), now=now)
        if session is None:
            return
        async with self.unit_of_work() as work:
            await work.sessions.revoke(session.session_id, at=now)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLocalSession:
    """Sign the administrator in on this machine: whoever may read the data directory may."""

    unit_of_work: UnitOfWork[IdentityWork]
    session_tokens: SessionTokens
    clock: Clock
    new_id: NewId
    local_session_lifetime: timedelta

    async def __call__(self, username: str, *, actor: Actor) -> SignedIn | None:
        """Return a session of that user, or ``None`` if there is no such user."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            user = await work.users.find_by_login(username)
            if user is None:
                return None
            return await begin_session(
                user,
                Caller(user_agent="inventiv serve"),
                work,
                tokens=self.session_tokens,
                session_id=SessionId(self.new_id()),
                now=self.clock.now(),
                lifetime=self.local_session_lifetime,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSessions:
    """Drop the sessions that nobody can use any more."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    keep_expired: timedelta

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were dropped."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            return await work.sessions.forget(expired_before=self.clock.now() - self.keep_expired)
