"""What people can do with their sessions: look, switch the workspace, end them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from inventiv_core.identity.access import Actor, OrganizationId, Permission, SessionId
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.sessions import ROTATION_GRACE, Session
from inventiv_core.identity.errors.sessions import (
    CannotRevokeCurrentSession,
    NotAMember,
    SessionDoesNotBelongToUser,
    SessionMissing,
    SessionNotFound,
)
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.sessions import SessionQueries, SessionTokens
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.views.sessions import SessionRow
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions:
    """List one's own sessions."""

    session_queries: SessionQueries
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Sequence[SessionRow]:
        """Return those that have not ended, the one used last first."""
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        return await self.session_queries.list(user_id, now=self.clock.now(), limit=MAX_PAGE_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeSession:
    """End another one of one's own sessions."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, session_id: SessionId, *, actor: Actor) -> None:
        """End it at once, on every replica.

        Raises:
            SessionNotFound: There is none of that id, or it has been ended.
            SessionDoesNotBelongToUser: It is somebody else's.
            CannotRevokeCurrentSession: It is the one in use.
        """
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            session = await work.sessions.find(session_id)
            if session is None or session.revoked_at is not None:
                raise SessionNotFound
            if session.user_id != user_id:
                raise SessionDoesNotBelongToUser
            if session.id == actor.session_id:
                raise CannotRevokeCurrentSession
            await work.sessions.revoke(session_id, at=now)
            await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
            act = Act(
                id=self.new_id(),
                kind=ActKind.SESSION_REVOKED,
                actor=actor,
                organization_id=None,
                subject=Subject(kind="session", id=session_id, name=session.user_agent or ""),
                at=now,
            )
            await enter(act, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """A session in another workspace, with another token."""

    session: Session
    token: str
    lifetime: timedelta
    """What is left of the session: a switch does not prolong it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchWorkspace:
    """Work in another organization, or in the personal workspace."""

    unit_of_work: UnitOfWork[IdentityWork]
    session_tokens: SessionTokens
    clock: Clock

    async def __call__(self, organization_id: OrganizationId | None, *, actor: Actor) -> Switched:
        """Put the session into that workspace. The token before stays good for a moment.

        Raises:
            SessionMissing: The actor has no session, or it has ended meanwhile.
            NotAMember: The actor does not belong there.
        """
        actor.must_be_user(Permission.USE_ACCOUNT)
        async with self.unit_of_work() as work:
            return await switch(
                organization_id, actor, work, tokens=self.session_tokens, clock=self.clock
            )


async def switch(
    organization_id: OrganizationId | None,
    actor: Actor,
    work: IdentityWork,
    *,
    tokens: SessionTokens,
    clock: Clock,
) -> Switched:
    """Put the actor's session into a workspace, inside ``work``; raises like `SwitchWorkspace`."""
    now = clock.now()
    user_id, session_id = actor.user_id, actor.session_id
    if user_id is None or session_id is None:
        raise SessionMissing
    session, user = await work.sessions.find(session_id), await work.users.find(user_id)
    if session is None or user is None or session.revoked_at is not None:
        raise SessionMissing
    if organization_id is not None:
        # the organization before the session, as those do who end memberships
        is_there = await work.organizations.keep(organization_id)
        membership = await work.organizations.find_member(organization_id, user_id)
        if membership is None or not is_there:
            raise NotAMember
    token = tokens.issue(
        user,
        session_id=session.id,
        organization_id=organization_id,
        issued_at=now,
        expires_at=session.expires_at,
    )
    token_hash = tokens.hash(token)
    await work.sessions.rotate(
        session.id,
        token_hash=token_hash,
        organization_id=organization_id,
        grace_until=now + ROTATION_GRACE,
    )
    await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
    return Switched(
        session=replace(session, token_hash=token_hash, current_organization_id=organization_id),
        token=token,
        lifetime=session.expires_at - now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSessions:
    """Drop the sessions that nobody can use any more, and attempts of long ago."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    keep_expired: timedelta

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many sessions were dropped."""
        actor.must(Permission.OPERATE)
        long_ago = self.clock.now() - self.keep_expired
        async with self.unit_of_work() as work:
            await work.attempts.forget(before=long_ago)
            return await work.sessions.forget(expired_before=long_ago)
