"""Finding out who calls where keys may: with a session, or with an API key.

What was found is remembered for a moment, so that most calls to models need no query.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from inventiv_core.identity.access import KEY_PERMISSIONS, ROLE_PERMISSIONS, Actor
from inventiv_core.identity.entities.api_keys import is_api_key
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.sessions import ApiKeyOrLoginRequired, InvalidToken
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.api_keys import ApiKeyQueries, ApiKeySecrets
from inventiv_core.identity.ports.sessions import SessionQueries, SessionTokens
from inventiv_core.identity.use_cases.recognition import Uses, actor_of
from inventiv_core.identity.views.api_keys import KeyDetails
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.clock import Clock

MOST_CALLERS: Final = 10_000
"""Callers that one process remembers; of more, it forgets who was seen first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """The credentials of a call, as they came."""

    cookie: str | None = None
    api_key: str | None = None
    bearer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    actor: Actor
    until: datetime


class KnownCallers:
    """Who was recognised a moment ago, by the hash of the credential.

    Bounded in number and in age, and told by events whom to forget at once: so what it says
    is never older than ``longest``, and after the event never old at all.
    """

    def __init__(self, longest: timedelta, most: int = MOST_CALLERS) -> None:
        self._longest = longest
        self._most = most
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often somebody was to be forgotten: tells whether what was read may be old."""
        return self._changes

    def find(self, credential_hash: str, *, now: datetime) -> Actor | None:
        """Return who has this credential, if that was found out a moment ago."""
        known = self._known.get(credential_hash)
        if known is None:
            return None
        if known.until <= now:
            del self._known[credential_hash]
            return None
        return known.actor

    def put(
        self,
        credential_hash: str,
        actor: Actor,
        *,
        ends_at: datetime | None,
        changes: int,
        now: datetime,
    ) -> None:
        """Remember who has a credential, which is good until ``ends_at``.

        What was read before a change that was heard of since is not remembered: ``changes``
        is what it was before the reading.
        """
        if changes != self._changes or not self._longest:
            return
        until = now + self._longest
        self._known[credential_hash] = _Known(
            actor=actor, until=until if ends_at is None else min(until, ends_at)
        )
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def hear(self, message: Message) -> None:
        """Forget whose access has changed."""
        if isinstance(message.event, AccessChanged):
            self.forget(message.event.user_id)

    def forget(self, user_id: UUID) -> None:
        """Forget a user, with whatever credentials."""
        self._changes += 1
        for credential_hash in [
            credential_hash
            for credential_hash, known in self._known.items()
            if known.actor.user_id == user_id
        ]:
            del self._known[credential_hash]


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

    async def __call__(self, presented: Presented, *, actor: Caller) -> Actor:
        """Return the actor: with one query at most, and with none soon after another call.

        A session in the cookie comes first, then a key in its own header, then whatever the
        bearer is. One that is not good counts as none.

        Raises:
            ApiKeyOrLoginRequired: None of them is good.
        """
        now = self.clock.now()
        for credential in _in_order(presented):
            known = await self._recognise(credential, now)
            if known is not None:
                self._note(known, now)
                return replace(known, source_ip=actor.ip_address)
        raise ApiKeyOrLoginRequired

    async def _recognise(self, credential: "_Credential", now: datetime) -> Actor | None:
        is_key = credential.is_key
        hashed = self.api_key_secrets if is_key else self.session_tokens
        credential_hash = hashed.hash(credential.text)
        known = self.known_callers.find(credential_hash, now=now)
        if known is not None:
            return known
        changes = self.known_callers.changes
        if is_key:
            found = await self._key(credential_hash, now)
        else:
            found = await self._session(credential.text, credential_hash, now)
        if found is None:
            return None
        self.known_callers.put(
            credential_hash, found.actor, ends_at=found.ends_at, changes=changes, now=now
        )
        return found.actor

    async def _session(self, token: str, token_hash: str, now: datetime) -> "_Found | None":
        try:
            self.session_tokens.verify(token, now=now)
        except InvalidToken:
            return None
        session = await self.session_queries.find(token_hash, now=now)
        if session is None:
            return None
        return _Found(actor=actor_of(session, Caller()), ends_at=session.expires_at)

    async def _key(self, key_hash: str, now: datetime) -> "_Found | None":
        key = await self.api_key_queries.find(key_hash, now=now)
        return None if key is None else _Found(actor=actor_with(key), ends_at=key.expires_at)

    def _note(self, known: Actor, now: datetime) -> None:
        if known.api_key_id is not None:
            self.uses.note_key(known.api_key_id, now)
        elif known.session_id is not None:
            self.uses.note_session(known.session_id, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Credential:
    text: str
    is_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    actor: Actor
    ends_at: datetime | None


def _in_order(presented: Presented) -> Iterator[_Credential]:
    if presented.cookie:
        yield _Credential(text=presented.cookie, is_key=False)
    for text in (presented.api_key, presented.bearer):
        if text and is_api_key(text):
            yield _Credential(text=text, is_key=True)
        elif text and text is presented.bearer:
            yield _Credential(text=text, is_key=False)


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
