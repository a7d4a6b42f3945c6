"""Finding out who calls where keys may: with a session, or with an API key.

What was found is remembered for a moment, so that most calls to models need no query.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from inventiv_core.identity.access import KEY_PERMISSIONS, ROLE_PERMISSIONS, Actor, UserId
from inventiv_core.identity.entities.api_keys import is_api_key
from inventiv_core.identity.entities.sessions import LAST_USED_RESOLUTION, Caller
from inventiv_core.identity.errors.sessions import ApiKeyOrLoginRequired, InvalidToken
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.api_keys import ApiKeyQueries, ApiKeySecrets
from inventiv_core.identity.ports.sessions import SessionQueries, SessionTokens
from inventiv_core.identity.use_cases.recognition import Uses, actor_of
from inventiv_core.identity.views.api_keys import KeyDetails
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.events import DomainEvent

MOST_CALLERS: Final = 10_000
"""Callers that one process remembers; of more, it forgets who has not called for longest."""


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class Presented:
    """The credentials of a call, as they came."""

    cookie: str | None = None
    """A session token."""
    api_key: str | None = None
    bearer: str | None = None
    """A session token or an API key."""


class Way(StrEnum):
    """A way in."""

    SESSION = "session"
    API_KEY = "api_key"


Credential: TypeAlias = tuple[Way, str]
"""A way in, and the hash of what was shown there: what opens one opens no other."""


@dataclass(slots=True, kw_only=True)
class KnownCaller:
    """Somebody, as the database knew them at one moment."""

    actor: Actor
    """With where the last call came from."""
    asked_at: datetime
    """The moment before the database was asked."""
    expires_at: datetime | None
    last_used_at: datetime | None

    def at(self, source_ip: str | None) -> Actor:
        """Return the actor, calling from there: mostly, it is where the last call came from."""
        if self.actor.source_ip != source_ip:
            self.actor = replace(self.actor, source_ip=source_ip)
        return self.actor


class KnownCallers:
    """Remembers who has which credential, in memory. Not shared between processes.

    What it says was true at most ``longest`` ago. Whoever's access changes is forgotten when
    this is told, by whoever has made the change here, and by the bus. What is older is only
    believed while the database cannot be asked, and for no longer than ``grace``.
    """

    def __init__(
        self, longest: timedelta, *, grace: timedelta = timedelta(0), most: int = MOST_CALLERS
    ) -> None:
        self._longest = longest
        self._grace = grace
        self._most = most
        self.asking: set[Credential] = set()
        """About whom the database is being asked at this moment."""
        self._known: OrderedDict[Credential, KnownCaller] = OrderedDict()
        self._credentials: dict[UserId | None, set[Credential]] = {}
        self._changes = 0

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._known)

    @property
    def changes(self) -> int:
        """How often somebody's access has changed: ask before the database, for `keep`."""
        return self._changes

    def find(self, credential: Credential, *, now: datetime) -> KnownCaller | None:
        """Return who has the credential, if that is known and still to be believed."""
        known = self._known.get(credential)
        if known is not None and self._is_good(known, now, self._longest):
            self._known.move_to_end(credential)
            return known
        self.recall(credential, now=now)  # which forgets what is good for nothing any more
        return None

    def recall(self, credential: Credential, *, now: datetime) -> KnownCaller | None:
        """Return who had the credential lately, for when the database cannot be asked."""
        known = self._known.get(credential)
        if known is None or not self._is_good(known, now, self._longest + self._grace):
            self._drop(credential)
            return None
        return known

    def drop(self, credential: Credential) -> None:
        """Forget who has the credential: nobody has."""
        self._drop(credential)

    def keep(self, credential: Credential, caller: KnownCaller, *, changes: int) -> None:
        """Remember who has the credential. Of too many, whoever calls least recently is forgotten.

        Unless somebody's access has changed since there were so many ``changes``: the
        database may have been asked before, and what it said be wrong by now.
        """
        if changes != self._changes or not self._longest:
            return
        self._drop(credential)
        self._known[credential] = caller
        self._credentials.setdefault(caller.actor.user_id, set()).add(credential)
        if len(self._known) > self._most:
            self._drop(next(iter(self._known)))

    def forget(self, user_id: UserId) -> None:
        """Forget somebody, whatever they have shown."""
        self._changes += 1
        for credential in list(self._credentials.get(user_id, ())):
            self._drop(credential)

    def note(self, event: DomainEvent) -> None:
        """Take note of what has happened."""
        if isinstance(event, AccessChanged):
            self.forget(UserId(event.user_id))

    def hear(self, message: Message) -> None:
        """Take note of what has happened elsewhere."""
        self.note(message.event)

    def _is_good(self, known: KnownCaller, now: datetime, longest: timedelta) -> bool:
        is_fresh = known.asked_at <= now < known.asked_at + longest
        return is_fresh and (known.expires_at is None or now < known.expires_at)

    def _drop(self, credential: Credential) -> None:
        known = self._known.pop(credential, None)
        if known is None:
            return
        others = self._credentials[known.actor.user_id]
        others.discard(credential)
        if not others:
            del self._credentials[known.actor.user_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniseCaller:
    """Find out who calls, by the first of the credentials that is good."""

    session_queries: SessionQueries
    session_tokens: SessionTokens
    api_key_queries: ApiKeyQueries
    api_key_secrets: ApiKeySecrets
    known_callers: KnownCallers
    uses: Uses
    clock: Clock
    outages: tuple[type[Exception], ...]
    """What is raised while the database does not answer."""

    async def __call__(self, presented: Presented, *, actor: Caller) -> Actor:
        """Return the actor: with one query for each credential until one is good, or with none.

        A session in the cookie comes first, then a key in its own header, then whatever the
        bearer is. One that is not good counts as none. While the database does not answer,
        whoever was known lately is still known; and while it is asked, so are others.

        Raises:
            ApiKeyOrLoginRequired: None of them is good.
        """
        now = self.clock.now()
        known = self._remembered(presented, now) or await self._found(presented, now)
        if known is None:
            raise ApiKeyOrLoginRequired
        self._note(known, now)
        return known.at(actor.ip_address)

    def _remembered(self, presented: Presented, now: datetime) -> KnownCaller | None:
        """Return who has the first of the credentials, if that is known: mostly, it is."""
        bearer = presented.bearer
        if presented.cookie:
            credential = self._session(presented.cookie)
        elif presented.api_key:
            credential = self._key(presented.api_key)
        elif bearer:
            credential = self._key(bearer) or self._session(bearer)
        else:
            return None
        return None if credential is None else self.known_callers.find(credential, now=now)

    def _session(self, token: str) -> Credential | None:
        if is_api_key(token):  # no key is a session token: none is signed
            return None
        return Way.SESSION, self.session_tokens.hash(token)

    def _key(self, key: str) -> Credential | None:
        return (Way.API_KEY, self.api_key_secrets.hash(key)) if is_api_key(key) else None

    async def _found(self, presented: Presented, now: datetime) -> KnownCaller | None:
        known, bearer = None, presented.bearer
        if presented.cookie:
            known = await self._by_token(presented.cookie, now)
        if known is None and presented.api_key:
            known = await self._by_key(presented.api_key, now)
        if known is None and bearer:
            by = self._by_key if is_api_key(bearer) else self._by_token
            known = await by(bearer, now)
        return known

    async def _by_token(self, token: str, now: datetime) -> KnownCaller | None:
        credential = self._session(token)
        if credential is None:
            return None
        known = self.known_callers.find(credential, now=now)
        if known is not None:
            return known
        try:
            self.session_tokens.verify(token, now=now)
        except InvalidToken:
            return None

        async def ask() -> KnownCaller | None:
            session = await self.session_queries.find(credential[1], now=now)
            if session is None:
                return None
            return KnownCaller(
                actor=actor_of(session, Caller()),
                asked_at=now,
                expires_at=session.expires_at,
                last_used_at=session.last_used_at,
            )

        return await self._ask(credential, ask, now)

    async def _by_key(self, key: str, now: datetime) -> KnownCaller | None:
        credential = self._key(key)
        if credential is None:
            return None
        known = self.known_callers.find(credential, now=now)
        if known is not None:
            return known

        async def ask() -> KnownCaller | None:
            details = await self.api_key_queries.find(credential[1], now=now)
            if details is None:
                return None
            return KnownCaller(
                actor=actor_with(details),
                asked_at=now,
                expires_at=details.expires_at,
                last_used_at=details.last_used_at,
            )

        return await self._ask(credential, ask, now)

    async def _ask(
        self,
        credential: Credential,
        ask: Callable[[], Awaitable[KnownCaller | None]],
        now: datetime,
    ) -> KnownCaller | None:
        """Ask the database. Of many who come at once, the first waits for what it says."""
        callers = self.known_callers
        before = callers.recall(credential, now=now)
        if before is not None and credential in callers.asking:
            return before
        changes = callers.changes
        callers.asking.add(credential)
        try:
            known = await ask()
        except self.outages:
            if callers.recall(credential, now=now) is None:  # forgotten meanwhile, perhaps
                raise
            return before
        finally:
            callers.asking.discard(credential)
        if known is None:
            callers.drop(credential)
        else:
            callers.keep(credential, known, changes=changes)
        return known

    def _note(self, known: KnownCaller, now: datetime) -> None:
        """Note the use, unless one of just before is known."""
        if known.last_used_at is not None and now - known.last_used_at < LAST_USED_RESOLUTION:
            return
        known.last_used_at = now
        if known.actor.session_id is not None:
            self.uses.note_session(known.actor.session_id, now)
        if known.actor.api_key_id is not None:
            self.uses.note_key(known.actor.api_key_id, now)


def actor_with(key: KeyDetails) -> Actor:
    """Return a key's user in the key's workspace, with no more than the key allows."""
    permissions = ROLE_PERMISSIONS[key.role] & KEY_PERMISSIONS
    if key.permissions is not None:
        permissions &= key.permissions
    return Actor(
        user_id=key.user_id,
        organization_id=key.organization_id,
        permissions=permissions,
        name=key.username,
        api_key_id=key.api_key_id,
        models=key.models,
    )
