"""What people can do with API keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from inventiv_core.identity.access import Actor, ApiKeyId, Permission, UserId
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.errors.api_keys import ApiKeyNotFound
from inventiv_core.identity.errors.sessions import SessionInvalidOrExpired
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.api_keys import ApiKeyQueries, ApiKeySecrets
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.organizations import lock_as_member
from inventiv_core.identity.views.api_keys import ApiKeyRow, api_key_keys
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
class KeyMade:
    """A key that was just made. It is shown here and never again."""

    api_key: ApiKey
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey:
    """Make a key for the workspace one is in."""

    unit_of_work: UnitOfWork[IdentityWork]
    api_key_secrets: ApiKeySecrets
    clock: Clock
    new_id: NewId

    async def __call__(self, name: str, scope: KeyScope, *, actor: Actor) -> KeyMade:
        """Make it, and return it this once.

        Raises:
            NameRequired, NameTooLong: About the name.
            ExpiryPassed, KeyModelsInvalid, KeyPermissionsInvalid: About the scope.
            NotAMember: The actor does not belong to the workspace any more.
            SessionInvalidOrExpired: The actor was deleted meanwhile.
        """
        user_id = actor.must_be_user(Permission.MANAGE_OWN_KEYS)
        now, key = self.clock.now(), self.api_key_secrets.draw()
        made = ApiKey.make(
            key,
            id=ApiKeyId(self.new_id()),
            key_hash=self.api_key_secrets.hash(key),
            user_id=user_id,
            organization_id=actor.organization_id,
            name=name,
            scope=scope,
            at=now,
        )
        async with self.unit_of_work() as work:
            if made.organization_id is not None:
                # whoever is being removed meanwhile gets no key that outlives it
                await lock_as_member(made.organization_id, actor, work)
            if await work.users.lock(user_id) is None:
                raise SessionInvalidOrExpired
            await work.api_keys.add(made)
            await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
            act = _act(ActKind.API_KEY_CREATED, made, actor, id=self.new_id(), at=now)
            await enter(replace(act, after=_facts(made)), work)
        return KeyMade(api_key=made, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """What is to be changed of a key."""

    name: str | None = None
    """``None`` leaves it."""
    scope: Mapping[str, Any]
    """The fields of `KeyScope` that are to be set; others stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApiKey:
    """Rename one of one's own keys, or change what it may be used for."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, key_id: ApiKeyId, change: KeyChange, *, actor: Actor) -> None:
        """Change it, at once.

        Raises:
            ApiKeyNotFound: There is none of the actor's with that id, or it was revoked.
            NameRequired, NameTooLong: About the name.
            ExpiryPassed, KeyModelsInvalid, KeyPermissionsInvalid: About the scope.
        """
        user_id = actor.must_be_user(Permission.MANAGE_OWN_KEYS)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            before = await _own(key_id, user_id, work)
            after = before if change.name is None else before.named(change.name)
            if change.scope:
                scope = replace(before.scope, **change.scope)
                after = replace(after, scope=scope.possible(now=now, before=before.scope))
            if after == before:
                return
            await work.api_keys.save(after)
            await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
            act = _act(ActKind.API_KEY_UPDATED, after, actor, id=self.new_id(), at=now)
            was, now_is = _facts(before), _facts(after)
            changed = {name for name in was if was[name] != now_is[name]}
            await enter(
                replace(
                    act,
                    before={name: was[name] for name in sorted(changed)},
                    after={name: now_is[name] for name in sorted(changed)},
                ),
                work,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """End one of one's own keys."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, key_id: ApiKeyId, *, actor: Actor) -> None:
        """End it at once, or raise `ApiKeyNotFound`."""
        user_id = actor.must_be_user(Permission.MANAGE_OWN_KEYS)
        async with self.unit_of_work() as work:
            key = await _own(key_id, user_id, work)
            await _revoke(key, actor, work, new_id=self.new_id, now=self.clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeOrganizationKey:
    """End one of the organization's keys, whosoever it is."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, key_id: ApiKeyId, *, actor: Actor) -> None:
        """End it at once, or raise `ApiKeyNotFound`."""
        owner = actor.must_in_organization(Permission.MANAGE_ORGANIZATION_KEYS)
        async with self.unit_of_work() as work:
            key = await work.api_keys.lock_in(key_id, owner=owner)
            if key is None or key.revoked_at is not None:
                raise ApiKeyNotFound
            await _revoke(key, actor, work, new_id=self.new_id, now=self.clock.now())


async def _own(key_id: ApiKeyId, user_id: UserId, work: IdentityWork) -> ApiKey:
    key = await work.api_keys.lock(key_id, user_id=user_id)
    if key is None or key.revoked_at is not None:
        raise ApiKeyNotFound
    return key


async def _revoke(
    key: ApiKey, actor: Actor, work: IdentityWork, *, new_id: NewId, now: datetime
) -> None:
    await work.api_keys.save(replace(key, revoked_at=now))
    await work.outbox.add(AccessChanged(user_id=key.user_id, occurred_at=now))
    await enter(_act(ActKind.API_KEY_REVOKED, key, actor, id=new_id(), at=now), work)


def _act(kind: ActKind, key: ApiKey, actor: Actor, *, id: Any, at: datetime) -> Act:
    name = f"{key.name} ({key.key_prefix}…)"
    return Act(
        id=id,
        kind=kind,
        actor=actor,
        organization_id=key.organization_id,
        subject=Subject(kind="api_key", id=key.id, name=name),
        at=at,
    )


def _facts(key: ApiKey) -> dict[str, Any]:
    scope = key.scope
    return {
        "name": key.name,
        "expires_at": None if scope.expires_at is None else scope.expires_at.isoformat(),
        "models": None if scope.models is None else sorted(scope.models),
        "permissions": None if scope.permissions is None else sorted(scope.permissions),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApiKeys:
    """List one's own keys, in whatever workspace."""

    api_key_queries: ApiKeyQueries

    async def __call__(self, *, actor: Actor) -> Sequence[ApiKeyRow]:
        """Return the newest first, revoked ones included."""
        user_id = actor.must_be_user(Permission.MANAGE_OWN_KEYS)
        return await self.api_key_queries.list(user_id, limit=MAX_PAGE_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchApiKeys:
    """Look through one's own keys, page by page."""

    api_key_queries: ApiKeyQueries

    async def __call__(self, page: PageRequest, *, actor: Actor) -> SearchPage[ApiKeyRow]:
        """Return one page, the newest first if no order is asked for.

        Raises:
            CursorInvalid: The cursor is not one of this list, sorted like this.
        """
        user_id = actor.must_be_user(Permission.MANAGE_OWN_KEYS)

        async def find(window: Window) -> Rows[ApiKeyRow]:
            return await self.api_key_queries.search(user_id, window)

        return await search_page(find, page, api_key_keys(descending=page.descending))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrganizationKeys:
    """List the keys that work in the actor's organization."""

    api_key_queries: ApiKeyQueries

    async def __call__(self, *, actor: Actor) -> Sequence[ApiKeyRow]:
        """Return the newest first, revoked ones included, with whose they are."""
        owner = actor.must_in_organization(Permission.VIEW_ORGANIZATION_KEYS)
        return await self.api_key_queries.of_organization(owner, limit=MAX_PAGE_ROWS)
