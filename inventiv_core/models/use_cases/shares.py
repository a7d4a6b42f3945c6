"""With whom an organization shares what it offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import (
    Offering,
    OfferingActKind,
    OfferingId,
    Price,
    Share,
    ShareId,
    ShareStatus,
    changes,
)
from inventiv_core.models.errors import (
    AlreadyShared,
    ConsumerNotFound,
    OfferingInvalid,
    OfferingNotFound,
    SharedWithOneself,
    ShareNotFound,
)
from inventiv_core.models.events import GrantsChanged
from inventiv_core.models.ports import OfferingQueries, OfferingWork
from inventiv_core.models.use_cases.offerings import act_on, look
from inventiv_core.models.views import ShareRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ListShares:
    """List with whom an offering is shared."""

    offering_queries: OfferingQueries

    async def __call__(self, offering_id: OfferingId, *, actor: Actor) -> Sequence[ShareRow]:
        """Return the shares, by the slug of who has them; those that were revoked are gone.

        Raises:
            OfferingNotFound: The organization has no such offering.
        """
        owner = actor.must_in_organization(Permission.VIEW_OFFERINGS)
        await look(self.offering_queries, offering_id, owner)
        return await self.offering_queries.shares(offering_id, owner=owner, limit=MAX_PAGE_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewShare:
    """What somebody says of a share."""

    organization_slug: str
    """Of the organization that may use the offering."""
    price: Price | None = None
    starts_at: datetime | None = None
    """``None`` for at once."""
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOffering:
    """Let another organization use an offering."""

    unit_of_work: UnitOfWork[OfferingWork]
    offering_queries: OfferingQueries
    clock: Clock
    new_id: NewId

    async def __call__(self, offering_id: OfferingId, new: NewShare, *, actor: Actor) -> ShareRow:
        """Store the share.

        Raises:
            PermissionMissing: One may not share offerings, or not set prices.
            OfferingNotFound: The organization has no such offering.
            ConsumerNotFound: There is no organization of that slug.
            SharedWithOneself: It is the organization's own.
            AlreadyShared: There is a share that was not revoked.
            OfferingInvalid: A field cannot have this value.
        """
        owner = actor.must_in_organization(Permission.MANAGE_OFFERINGS)
        if new.price is not None:
            actor.must(Permission.SET_PRICES)
        now, slug = self.clock.now(), new.organization_slug.strip().lower()
        async with self.unit_of_work() as work:
            offering = await work.offerings.lock(offering_id, owner=owner)
            if offering is None:
                raise OfferingNotFound(offering_id=offering_id)
            consumer = await work.organizations.find_by_slug(slug)
            if consumer is None:
                raise ConsumerNotFound(organization_slug=slug)
            if consumer.id == owner:
                raise SharedWithOneself
            share = Share(
                id=ShareId(self.new_id()),
                offering_id=offering_id,
                organization_id=owner,
                consumer_organization_id=consumer.id,
                status=ShareStatus.ACTIVE,
                price=new.price,
                starts_at=new.starts_at or now,
                ends_at=new.ends_at,
                created_at=now,
                updated_at=now,
            ).validated()
            if not await work.offerings.add_share(share):
                raise AlreadyShared(organization_slug=slug)
            after = {
                "consumer_organization_id": consumer.id,
                "price": share.price,
                "starts_at": share.starts_at,
                "ends_at": share.ends_at,
            }
            await _enter(
                OfferingActKind.OFFERING_SHARED, offering, share, work,
                actor=actor, new_id=self.new_id, at=now, after=after,
            )  # fmt: skip
        return await _look(self.offering_queries, share.id, offering_id, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateShare:
    """Pause a share, take it up again, or let it last for longer."""

    unit_of_work: UnitOfWork[OfferingWork]
    offering_queries: OfferingQueries
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        offering_id: OfferingId,
        share_id: ShareId,
        changed: Mapping[str, Any],
        *,
        actor: Actor,
    ) -> ShareRow:
        """Store the fields in ``changed``, by their names; the others stay as they are.

        Raises:
            ShareNotFound: There is none, or it was revoked.
            OfferingInvalid: A field cannot have this value.
        """
        owner = actor.must_in_organization(Permission.MANAGE_OFFERINGS)
        if changed.get("status") is ShareStatus.REVOKED:
            raise OfferingInvalid(field="status", must="active or paused; delete it to revoke it")
        await _change(self, offering_id, share_id, owner, changed, actor)
        return await _look(self.offering_queries, share_id, offering_id, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSharePrice:
    """Agree on a price with one organization."""

    unit_of_work: UnitOfWork[OfferingWork]
    offering_queries: OfferingQueries
    clock: Clock
    new_id: NewId

    async def __call__(
        self, offering_id: OfferingId, share_id: ShareId, price: Price | None, *, actor: Actor
    ) -> ShareRow:
        """Store the price; ``None`` for that of the offering.

        Raises:
            ShareNotFound: There is none, or it was revoked.
            OfferingInvalid: It is no price.
        """
        owner = actor.must_in_organization(Permission.SET_PRICES)
        await _change(self, offering_id, share_id, owner, {"price": price}, actor)
        return await _look(self.offering_queries, share_id, offering_id, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeShare:
    """Let another organization use an offering no longer."""

    unit_of_work: UnitOfWork[OfferingWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, offering_id: OfferingId, share_id: ShareId, *, actor: Actor) -> None:
        """End the share for good.

        Raises:
            ShareNotFound: There is none, or it was revoked already.
        """
        owner = actor.must_in_organization(Permission.MANAGE_OFFERINGS)
        await _change(self, offering_id, share_id, owner, {"status": ShareStatus.REVOKED}, actor)


async def _change(
    use_case: UpdateShare | SetSharePrice | RevokeShare,
    offering_id: OfferingId,
    share_id: ShareId,
    owner: OrganizationId,
    changed: Mapping[str, Any],
    actor: Actor,
) -> None:
    now = use_case.clock.now()
    async with use_case.unit_of_work() as work:
        offering = await work.offerings.lock(offering_id, owner=owner)
        before = await work.offerings.lock_share(share_id, offering_id=offering_id, owner=owner)
        if offering is None or before is None:
            raise ShareNotFound(share_id=share_id)
        after = replace(before, **changed).validated()
        if after == before:
            return
        after = replace(after, updated_at=now)
        await work.offerings.save_share(after)
        was, is_now = changes(before, after)
        is_over = after.status is ShareStatus.REVOKED
        kinds = OfferingActKind
        await _enter(
            kinds.OFFERING_SHARE_REVOKED if is_over else kinds.OFFERING_SHARE_UPDATED,
            offering, after, work,
            actor=actor, new_id=use_case.new_id, at=now, before=was, after=is_now,
        )  # fmt: skip


async def _enter(
    kind: OfferingActKind,
    offering: Offering,
    share: Share,
    work: OfferingWork,
    *,
    actor: Actor,
    new_id: NewId,
    at: datetime,
    after: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> None:
    """Enter an act on a share in the books, and have those who remember grants look again."""
    act = act_on(kind, offering, actor, new_id, at)
    facts = {
        "share_id": share.id,
        "consumer_organization_id": share.consumer_organization_id,
    }
    await enter(replace(act, before=before or {}, after=after, facts=facts), work)
    await work.outbox.add(GrantsChanged(offering_id=offering.id, occurred_at=at))


async def _look(
    queries: OfferingQueries, share_id: ShareId, offering_id: OfferingId, owner: OrganizationId
) -> ShareRow:
    rows = await queries.shares(offering_id, owner=owner, only=share_id, limit=1)
    if not rows:
        raise ShareNotFound(share_id=share_id)
    return rows[0]
