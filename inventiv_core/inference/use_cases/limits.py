"""Setting how much may be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from inventiv_core.identity.access import Actor, ApiKeyId, OrganizationId, Permission, UserId
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.inference.entities.limits import (
    Issuer,
    Limit,
    LimitActKind,
    LimitId,
    changes,
)
from inventiv_core.inference.errors import (
    LimitedNotFound,
    LimitNotFound,
    TooManyLimits,
)
from inventiv_core.inference.events import LimitsChanged
from inventiv_core.inference.ports import LimitQueries, LimitWork
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork

MOST_LIMITS: Final = 1000
"""Of each organization, and of the platform: every process has all of them in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Whose calls a limit is for, and of which model; ``None`` for all that there are."""

    user_id: UserId | None = None
    api_key_id: ApiKeyId | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLimits:
    """List what limits the organization."""

    limit_queries: LimitQueries

    async def __call__(self, *, actor: Actor) -> Sequence[Limit]:
        """Return its own limits, and those that the platform sets it."""
        owner = actor.must_in_organization(Permission.VIEW_LIMITS)
        return await self.limit_queries.of(owner, limit=2 * MOST_LIMITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """Limit the organization, or somebody in it, or a key, or a model of theirs."""

    unit_of_work: UnitOfWork[LimitWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, limited: Limited, changed: Mapping[str, Any], *, actor: Actor
    ) -> Limit:
        """Store the numbers in ``changed``, by their names; the others stay as they are.

        Raises:
            LimitedNotFound: There is no such member, or no such key in use.
            LimitInvalid: A number cannot be like this, or there would be none left.
            TooManyLimits: There are as many as there can be.
        """
        owner = actor.must_in_organization(Permission.MANAGE_LIMITS)
        now = self.clock.now()
        wanted = Limit(
            id=LimitId(self.new_id()),
            issuer=Issuer.ORGANIZATION,
            organization_id=owner,
            user_id=limited.user_id,
            api_key_id=limited.api_key_id,
            model=_trimmed(limited.model),
            created_at=now,
            updated_at=now,
        )
        async with self.unit_of_work() as work:
            await work.organizations.lock(owner)
            await _must_be_there(limited, owner, work)
            return await _set(wanted, changed, work, actor=actor, new_id=self.new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLimit:
    """Limit something in the organization no longer."""

    unit_of_work: UnitOfWork[LimitWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, limit_id: LimitId, *, actor: Actor) -> None:
        """Forget the limit.

        Raises:
            LimitNotFound: The organization has set no such limit.
        """
        owner = actor.must_in_organization(Permission.MANAGE_LIMITS)
        async with self.unit_of_work() as work:
            limit = await work.limits.get(limit_id, issuer=Issuer.ORGANIZATION, owner=owner)
            await _remove(limit_id, limit, work, self, actor)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlatformLimits:
    """List what the platform limits."""

    limit_queries: LimitQueries

    async def __call__(self, *, actor: Actor) -> Sequence[Limit]:
        """Return its defaults, and what stands in their place for some organizations."""
        actor.must(Permission.MANAGE_PLATFORM)
        return await self.limit_queries.of_platform(limit=MOST_LIMITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlatformLimit:
    """Limit every workspace by default, or one organization."""

    unit_of_work: UnitOfWork[LimitWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        organization_id: OrganizationId | None,
        model: str | None,
        changed: Mapping[str, Any],
        *,
        actor: Actor,
    ) -> Limit:
        """Store the numbers in ``changed``, by their names; the others stay as they are.

        Raises:
            LimitedNotFound: There is no such organization.
            LimitInvalid: A number cannot be like this, or there would be none left.
            TooManyLimits: There are as many as there can be.
        """
        actor.must(Permission.MANAGE_PLATFORM)
        now = self.clock.now()
        wanted = Limit(
            id=LimitId(self.new_id()),
            issuer=Issuer.PLATFORM,
            organization_id=organization_id,
            model=_trimmed(model),
            created_at=now,
            updated_at=now,
        )
        async with self.unit_of_work() as work:
            if organization_id is not None and not await work.organizations.lock(organization_id):
                raise LimitedNotFound(field="organization_id")
            return await _set(wanted, changed, work, actor=actor, new_id=self.new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePlatformLimit:
    """Have the platform limit something no longer."""

    unit_of_work: UnitOfWork[LimitWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, limit_id: LimitId, *, actor: Actor) -> None:
        """Forget the limit.

        Raises:
            LimitNotFound: The platform has set no such limit.
        """
        actor.must(Permission.MANAGE_PLATFORM)
        async with self.unit_of_work() as work:
            limit = await work.limits.get(limit_id, issuer=Issuer.PLATFORM, owner=None)
            await _remove(limit_id, limit, work, self, actor)


def _trimmed(model: str | None) -> str | None:
    return None if model is None else model.strip()


async def _must_be_there(limited: Limited, owner: OrganizationId, work: LimitWork) -> None:
    if limited.user_id is not None:
        member = await work.organizations.find_member(owner, limited.user_id)
        if member is None:
            raise LimitedNotFound(field="user_id")
    if limited.api_key_id is not None:
        key = await work.api_keys.lock_in(limited.api_key_id, owner=owner)
        if key is None or key.revoked_at is not None:
            raise LimitedNotFound(field="api_key_id")


async def _set(
    wanted: Limit, changed: Mapping[str, Any], work: LimitWork, *, actor: Actor, new_id: NewId
) -> Limit:
    before = await work.limits.find(wanted)
    after = replace(before or wanted, **changed).validated()
    if after == before:
        return after
    if before is None:
        owner = wanted.organization_id if wanted.issuer is Issuer.ORGANIZATION else None
        if await work.limits.count(issuer=wanted.issuer, owner=owner) >= MOST_LIMITS:
            raise TooManyLimits(most=MOST_LIMITS)
    after = await work.limits.put(replace(after, updated_at=wanted.updated_at))
    act = _act(LimitActKind.INFERENCE_LIMIT_SET, after, actor, new_id)
    was, is_now = changes(before, after)
    await enter(replace(act, before=was, after=is_now), work)
    await work.outbox.add(LimitsChanged(limit_id=after.id, occurred_at=act.at))
    return after


async def _remove(
    limit_id: LimitId,
    limit: Limit | None,
    work: LimitWork,
    use_case: RemoveLimit | RemovePlatformLimit,
    actor: Actor,
) -> None:
    if limit is None:
        raise LimitNotFound(limit_id=limit_id)
    await work.limits.remove(limit_id)
    over = replace(limit, updated_at=use_case.clock.now())
    act = _act(LimitActKind.INFERENCE_LIMIT_REMOVED, over, actor, use_case.new_id)
    await enter(replace(act, before=changes(limit, None)[0]), work)
    await work.outbox.add(LimitsChanged(limit_id=limit_id, occurred_at=act.at))


def _act(kind: LimitActKind, limit: Limit, actor: Actor, new_id: NewId) -> Act:
    is_own = limit.issuer is Issuer.ORGANIZATION
    return Act(
        id=new_id(),
        kind=kind,
        actor=actor,
        organization_id=limit.organization_id if is_own else None,
        subject=Subject(kind="inference_limit", id=limit.id, name=limit.title),
        at=limit.updated_at,
    )
