"""Signing in and out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from inventiv_core.identity.access import Actor, OrganizationId, Permission, SessionId, UserId
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.attempts import LoginAllowances
from inventiv_core.identity.entities.sessions import Caller, Session
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.sessions import (
    CredentialsMissing,
    InvalidCredentials,
    InvalidToken,
)
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.passwords import PasswordHasher
from inventiv_core.identity.ports.sessions import SessionQueries, SessionTokens
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.recognition import actor_of
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork

LONGEST_LOGIN = 320
"""Characters of the longest e-mail address (RFC 3696, erratum 1690, is stricter still)."""


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
    login_allowances: LoginAllowances

    async def __call__(self, login: str, password: str, *, actor: Caller) -> SignedIn:
        """Sign in by user name or e-mail address, into the workspace used last.

        The answer to an unknown name takes as long as the one to a wrong password. An
        attempt is counted before the password is looked at, so that many at once do not
        get more tries than one after the other.

        Raises:
            CredentialsMissing: One of the two is blank.
            TooManyAttempts: Too many have failed, on this account or from this address.
            InvalidCredentials: They do not belong together.
        """
        login = login.strip().lower()
        if not login or not password.strip():
            raise CredentialsMissing
        keys = _Keys.of(login, actor)
        user = await self._find(login, keys)
        known_hash = None if user is None else user.password_hash
        matches = await self.password_hasher.verify(password, known_hash)
        if user is None or not matches:
            await self._note_failure(user, actor)
            raise InvalidCredentials
        better = None
        if self.password_hasher.is_outdated(user.password_hash):
            better = await self.password_hasher.hash(password)
        return await self._begin(user, better, keys, actor)

    async def _find(self, login: str, keys: "_Keys") -> User | None:
        """Return the user of that name, unless there were too many attempts."""
        now, allowances = self.clock.now(), self.login_allowances
        async with self.unit_of_work() as work:
            user = await work.users.find_by_login(login) if len(login) <= LONGEST_LOGIN else None
            on_account = await work.attempts.count(
                keys.account, at=now, window=allowances.per_account.window
            )
            from_address = await work.attempts.count(
                keys.address, at=now, window=allowances.per_address.window
            )
        allowances.per_account.must_cover(on_account, now=now)
        allowances.per_address.must_cover(from_address, now=now)
        return user

    async def _note_failure(self, user: User | None, caller: Caller) -> None:
        """Enter it in the books, if it was somebody's account: else there is nobody to tell."""
        if user is None:
            return
        who = Actor(
            user_id=None,
            organization_id=None,
            permissions=frozenset(),
            source_ip=caller.ip_address,
        )
        async with self.unit_of_work() as work:
            act = Act(
                id=self.new_id(),
                kind=ActKind.LOGIN_FAILED,
                actor=who,
                organization_id=None,
                subject=Subject.user(user.id, user.username),
                at=self.clock.now(),
                error_code=InvalidCredentials.code,
            )
            await enter(act, work)

    async def _begin(
        self, known: User, better_hash: str | None, keys: "_Keys", caller: Caller
    ) -> SignedIn:
        """Begin the session, if the password that was verified is still the one in force."""
        now = self.clock.now()
        async with self.unit_of_work() as work:
            user = await work.users.lock(known.id)
            if user is None or user.password_hash != known.password_hash:
                raise InvalidCredentials
            if better_hash is not None:
                user = replace(user, password_hash=better_hash)
                await work.users.save(user)
            await work.attempts.forgive([keys.account])
            await work.attempts.take_back(keys.address)
            signed_in = await begin_session(
                user,
                caller,
                work,
                tokens=self.session_tokens,
                session_id=SessionId(self.new_id()),
                now=now,
                lifetime=self.session_lifetime,
            )
            session = signed_in.session
            who = Actor(
                user_id=user.id,
                organization_id=session.current_organization_id,
                permissions=frozenset(),
                name=user.username,
                session_id=session.id,
                source_ip=caller.ip_address,
            )
            act = Act(
                id=self.new_id(),
                kind=ActKind.LOGIN,
                actor=who,
                organization_id=None,  # an account is nobody's but its user's
                subject=Subject.user(user.id, user.username),
                at=now,
            )
            await enter(act, work)
        return signed_in


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """Under which names a login is counted."""

    account: str
    address: str

    @classmethod
    def of(cls, login: str, caller: Caller) -> Self:
        return cls(account=account_key(login), address=address_key(caller.ip_address))


def account_key(login: str) -> str:
    """Return the name under which logins to one account are counted."""
    return f"login account {login[:LONGEST_LOGIN]}"


def address_key(ip_address: str | None) -> str:
    """Return the name under which logins from one address are counted."""
    return f"login address {ip_address or 'unknown'}"


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
class LogOut:
    """End a session. Always succeeds: without a valid token there is nothing to end."""

    unit_of_work: UnitOfWork[IdentityWork]
    session_queries: SessionQueries
    session_tokens: SessionTokens
    clock: Clock
    new_id: NewId

    async def __call__(self, token: str | None, *, actor: Caller) -> None:
        """Revoke the session that the token belongs to, if there is one."""
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
        who = actor_of(session, actor)
        async with self.unit_of_work() as work:
            await work.sessions.revoke(session.session_id, at=now)
            await work.outbox.add(AccessChanged(user_id=session.user_id, occurred_at=now))
            act = Act(
                id=self.new_id(),
                kind=ActKind.LOGOUT,
                actor=who,
                organization_id=None,
                subject=Subject.user(session.user_id, session.username),
                at=now,
            )
            await enter(act, work)


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
