"""Finding out who calls. The database decides, at each request, not the token."""

from dataclasses import dataclass, field
from datetime import datetime

from inventiv_core.identity.access import Actor, ApiKeyId, Permission, SessionId, granted
from inventiv_core.identity.entities.sessions import LAST_USED_RESOLUTION, Caller
from inventiv_core.identity.errors.sessions import LoginRequired, SessionInvalidOrExpired
from inventiv_core.identity.ports.sessions import SessionQueries, SessionTokens
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.views.sessions import SessionDetails
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Who a request comes from."""

    actor: Actor
    session: SessionDetails


@dataclass(slots=True)
class Seen:
    """When sessions and keys were used last."""

    sessions: dict[SessionId, datetime] = field(default_factory=dict[SessionId, datetime])
    keys: dict[ApiKeyId, datetime] = field(default_factory=dict[ApiKeyId, datetime])

    def __len__(self) -> int:
        return len(self.sessions) + len(self.keys)


class Uses:
    """When sessions and keys were used, in memory until it is stored: no request waits for it."""

    def __init__(self) -> None:
        self._seen = Seen()

    def note_session(self, session_id: SessionId, at: datetime) -> None:
        """Note that a session was used."""
        self._seen.sessions[session_id] = at

    def note_key(self, key_id: ApiKeyId, at: datetime) -> None:
        """Note that a key was used."""
        self._seen.keys[key_id] = at

    def take(self) -> Seen:
        """Remove and return what was noted."""
        taken, self._seen = self._seen, Seen()
        return taken

    def put_back(self, taken: Seen) -> None:
        """Return what could not be stored; later uses win."""
        self._seen.sessions = taken.sessions | self._seen.sessions
        self._seen.keys = taken.keys | self._seen.keys


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniseSession:
    """Find out who a session token belongs to, with one query."""

    session_queries: SessionQueries
    session_tokens: SessionTokens
    uses: Uses
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
            self.uses.note_session(session.session_id, now)
        return Recognised(actor=actor_of(session, actor), session=session)


def actor_of(session: SessionDetails, caller: Caller) -> Actor:
    """Return the user of a session, in its workspace."""
    return Actor(
        user_id=session.user_id,
        organization_id=session.organization_id,
        permissions=granted(session.organization_role, session.role),
        name=session.username,
        session_id=session.session_id,
        source_ip=caller.ip_address,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUses:
    """Store when sessions and keys were used since the last time."""

    unit_of_work: UnitOfWork[IdentityWork]
    uses: Uses

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were stored. What cannot be stored waits on."""
        actor.must(Permission.OPERATE)
        taken = self.uses.take()
        if not len(taken):
            return 0
        try:
            async with self.unit_of_work() as work:
                if taken.sessions:
                    await work.sessions.touch(taken.sessions)
                if taken.keys:
                    await work.api_keys.touch(taken.keys)
        except BaseException:
            self.uses.put_back(taken)
            raise
        return len(taken)
