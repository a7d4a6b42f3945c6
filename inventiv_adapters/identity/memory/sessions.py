"""Sessions, in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inventiv_adapters.identity.memory.organizations import membership_of, memberships
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import OrganizationId, SessionId, UserId
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.ports.sessions import SessionQueries, SessionRepository
from inventiv_core.identity.views.sessions import SessionDetails, SessionRow


@dataclass(frozen=True, slots=True)
class _Replaced:
    """The tokens that a session had before, by hash, and how long each is still good."""

    until: Mapping[str, datetime]


class MemorySessions(SessionRepository):
    """The sessions."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, session: Session) -> None:
        self._database.table(Session)[session.id] = session

    async def find(self, session_id: SessionId) -> Session | None:
        return self._database.table(Session).get(session_id)

    async def last_workspace(self, user_id: UserId) -> OrganizationId | None:
        mine = {membership.organization_id for membership in memberships(self._database, user_id)}
        candidates = [
            session
            for session in self._of(user_id)
            if session.revoked_at is None and session.current_organization_id in mine
        ]
        if not candidates:
            return None
        last = max(candidates, key=lambda session: (session.last_used_at, session.id))
        return last.current_organization_id

    async def rotate(
        self,
        session_id: SessionId,
        *,
        token_hash: str,
        organization_id: OrganizationId | None,
        grace_until: datetime,
    ) -> None:
        session = self._database.table(Session)[session_id]
        known = self._database.table(_Replaced).get(session_id, _Replaced({}))
        until = {**known.until, session.token_hash: grace_until}
        until.pop(token_hash, None)
        self._database.table(_Replaced)[session_id] = _Replaced(until)
        self._database.table(Session)[session_id] = replace(
            session, token_hash=token_hash, current_organization_id=organization_id
        )

    async def revoke(self, session_id: SessionId, *, at: datetime) -> None:
        session = self._database.table(Session).get(session_id)
        if session is not None and session.revoked_at is None:
            self._database.table(Session)[session_id] = replace(session, revoked_at=at)

    async def revoke_all(
        self, user_id: UserId, *, at: datetime, but: SessionId | None = None
    ) -> int:
        ending = [
            session
            for session in self._of(user_id)
            if session.revoked_at is None and session.id != but and session.expires_at > at
        ]
        for session in ending:
            await self.revoke(session.id, at=at)
        return len(ending)

    async def leave_workspace(self, organization_id: OrganizationId, user_id: UserId) -> None:
        for session in self._of(user_id):
            if session.current_organization_id == organization_id:
                self._database.table(Session)[session.id] = replace(
                    session, current_organization_id=None
                )

    async def close_workspace(self, organization_id: OrganizationId) -> None:
        for session in list(self._database.table(Session).values()):
            if session.current_organization_id == organization_id:
                await self.leave_workspace(organization_id, session.user_id)

    async def touch(self, seen: Mapping[SessionId, datetime]) -> None:
        for session_id, at in seen.items():
            session = self._database.table(Session).get(session_id)
            if session is not None and session.last_used_at < at:
                self._database.table(Session)[session_id] = replace(session, last_used_at=at)

    async def forget(self, *, expired_before: datetime) -> int:
        table = self._database.table(Session)
        expired = [key for key, session in table.items() if session.expires_at < expired_before]
        for key in expired:
            del table[key]
            self._database.table(_Replaced).pop(key, None)
        return len(expired)

    def _of(self, user_id: UserId) -> list[Session]:
        sessions = self._database.table(Session).values()
        return [session for session in sessions if session.user_id == user_id]


class MemorySessionQueries(SessionQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def find(self, token_hash: str, *, now: datetime) -> SessionDetails | None:
        for session in self._live(now):
            if token_hash in self._good_tokens(session, now):
                return self._details(session)
        return None

    async def list(self, user_id: UserId, *, now: datetime, limit: int) -> Sequence[SessionRow]:
        mine = [session for session in self._live(now) if session.user_id == user_id]
        mine.sort(key=lambda session: (session.last_used_at, session.id), reverse=True)
        return [self._row(session) for session in mine[:limit]]

    def _live(self, now: datetime) -> Iterator[Session]:
        for session in self._database.table(Session).values():
            if session.revoked_at is None and session.expires_at > now:
                yield session

    def _good_tokens(self, session: Session, now: datetime) -> set[str]:
        replaced = self._database.table(_Replaced).get(session.id, _Replaced({}))
        graced = {token for token, until in replaced.until.items() if until > now}
        return {session.token_hash} | graced

    def _workspace(self, session: Session) -> Organization | None:
        membership = membership_of(self._database, session.user_id, session.current_organization_id)
        if membership is None:
            return None
        return self._database.table(Organization)[membership.organization_id]

    def _row(self, session: Session) -> SessionRow:
        organization = self._workspace(session)
        membership = membership_of(self._database, session.user_id, session.current_organization_id)
        return SessionRow(
            session_id=session.id,
            organization_id=None if organization is None else organization.id,
            organization_name=None if organization is None else organization.name,
            organization_role=None if membership is None else membership.role,
            ip_address=session.ip_address,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
        )

    def _details(self, session: Session) -> SessionDetails:
        user = self._database.table(User)[session.user_id]
        organization = self._workspace(session)
        membership = membership_of(self._database, user.id, session.current_organization_id)
        return SessionDetails(
            session_id=session.id,
            user_id=user.id,
            username=user.username,
            email=user.email,
            role=user.role,
            first_name=user.first_name,
            last_name=user.last_name,
            account_plan=user.account_plan,
            wallet_balance_eur=user.wallet_balance_eur,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            organization_id=None if organization is None else organization.id,
            organization_name=None if organization is None else organization.name,
            organization_slug=None if organization is None else organization.slug,
            organization_role=None if membership is None else membership.role,
            organization_plan=None if organization is None else organization.subscription_plan,
            organization_wallet_balance_eur=(
                None if organization is None else organization.wallet_balance_eur
            ),
        )


def forget_sessions(database: MemoryDatabase, user_id: UserId) -> None:
    """Drop the sessions of a user who is gone."""
    table = database.table(Session)
    for session in [known for known in table.values() if known.user_id == user_id]:
        del table[session.id]
        database.table(_Replaced).pop(session.id, None)
