"""What an organization offers, and what one may use of what others do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import PageRequest, Rows, SearchPage, Window, search_page
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import (
    NO_STANDING,
    AccessPolicy,
    ModelId,
    Offering,
    OfferingActKind,
    OfferingId,
    Price,
    Visibility,
    changes,
)
from inventiv_core.models.errors import ModelNotFound, OfferingCodeTaken, OfferingNotFound
from inventiv_core.models.events import GrantsChanged
from inventiv_core.models.ports import OfferingQueries, OfferingWork
from inventiv_core.models.views import (
    OFFERING_KEYS,
    Grant,
    GrantTable,
    OfferingFilter,
    OfferingRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsableModels:
    """List what one may use in the workspace: through what, and at what price."""

    offering_queries: OfferingQueries
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Sequence[Grant]:
        """Return one grant for each name, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await usable_by(actor, self.offering_queries, at=self.clock.now())


async def usable_by(actor: Actor, queries: OfferingQueries, *, at: datetime) -> Sequence[Grant]:
    """Return what the workspace may use, as it stands: one grant for each name, by name."""
    caller = actor.organization_id
    models = await queries.named_models()
    grants = await queries.grants_of(caller, at=at)
    payer, standing = caller or actor.user_id, NO_STANDING
    if payer and any(grant.access_policy is not AccessPolicy.FREE for grant in grants):
        standing = (await queries.standings([payer], limit=1)).get(payer, NO_STANDING)
    return GrantTable(models, grants).usable(caller=caller, at=at, standing=standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOfferings:
    """Look through what the organization offers."""

    offering_queries: OfferingQueries

    async def __call__(
        self, where: OfferingFilter, page: PageRequest, *, actor: Actor
    ) -> SearchPage[OfferingRow]:
        """Return the page that is asked for.

        Raises:
            CursorInvalid: The cursor is not one of this search, sorted like this.
        """
        owner = actor.must_in_organization(Permission.VIEW_OFFERINGS)

        async def find(window: Window) -> Rows[OfferingRow]:
            return await self.offering_queries.search(owner, where, window)

        return await search_page(find, page, OFFERING_KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOffering:
    """Look at one of the organization's offerings."""

    offering_queries: OfferingQueries

    async def __call__(self, offering_id: OfferingId, *, actor: Actor) -> OfferingRow:
        """Return it.

        Raises:
            OfferingNotFound: The organization has none of that id.
        """
        owner = actor.must_in_organization(Permission.VIEW_OFFERINGS)
        return await look(self.offering_queries, offering_id, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOffering:
    """What somebody says of an offering."""

    model_id: ModelId
    name: str
    code: str
    description: str | None = None
    is_active: bool = True
    visibility: Visibility = Visibility.PRIVATE
    price: Price | None = None
    starts_at: datetime | None = None
    """``None`` for at once."""
    ends_at: datetime | None = None
    access_policy: AccessPolicy = AccessPolicy.FREE


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOffering:
    """Offer a model under a name of the organization's own."""

    unit_of_work: UnitOfWork[OfferingWork]
    offering_queries: OfferingQueries
    clock: Clock
    new_id: NewId

    async def __call__(self, new: NewOffering, *, actor: Actor) -> OfferingRow:
        """Store it.

        Raises:
            PermissionMissing: One may not offer models, or not set their prices.
            ModelNotFound: There is no such model.
            OfferingInvalid: A field cannot have this value.
            OfferingCodeTaken: Another offering of the organization has this code.
        """
        owner = actor.must_in_organization(Permission.MANAGE_OFFERINGS)
        if new.price is not None:
            actor.must(Permission.SET_PRICES)
        now = self.clock.now()
        offering = Offering(
            id=OfferingId(self.new_id()),
            organization_id=owner,
            model_id=new.model_id,
            name=new.name,
            code=new.code,
            description=new.description,
            is_active=new.is_active,
            visibility=new.visibility,
            price=new.price,
            starts_at=new.starts_at or now,
            ends_at=new.ends_at,
            created_at=now,
            updated_at=now,
            access_policy=new.access_policy,
        ).validated()
        async with self.unit_of_work() as work:
            if await work.models.find(offering.model_id) is None:
                raise ModelNotFound(model_id=offering.model_id)
            if not await work.offerings.add(offering):
                raise OfferingCodeTaken(offering_code=offering.code)
            act = act_on(OfferingActKind.OFFERING_CREATED, offering, actor, self.new_id, now)
            await tell(replace(act, after=_facts(offering)), offering, work)
        return await look(self.offering_queries, offering.id, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOffering:
    """Change what an organization offers, and to whom."""

    unit_of_work: UnitOfWork[OfferingWork]
    offering_queries: OfferingQueries
    clock: Clock
    new_id: NewId

    async def __call__(
        self, offering_id: OfferingId, changed: Mapping[str, Any], *, actor: Actor
    ) -> OfferingRow:
        """Store the fields in ``changed``, by their names; the others stay as they are.

        Raises:
            OfferingNotFound: The organization has none of that id.
            OfferingInvalid: A field cannot have this value.
            OfferingCodeTaken: Another offering of the organization has this code.
        """
        owner = actor.must_in_organization(Permission.MANAGE_OFFERINGS)
        await _change(self, offering_id, owner, changed, actor)
        return await look(self.offering_queries, offering_id, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOfferingPrice:
    """Say what an offering costs: from then on, others can use it."""

    unit_of_work: UnitOfWork[OfferingWork]
    offering_queries: OfferingQueries
    clock: Clock
    new_id: NewId

    async def __call__(
        self, offering_id: OfferingId, price: Price | None, *, actor: Actor
    ) -> OfferingRow:
        """Store the price; ``None`` takes it away, and with it what others may.

        Raises:
            OfferingNotFound: The organization has none of that id.
            OfferingInvalid: It is no price.
        """
        owner = actor.must_in_organization(Permission.SET_PRICES)
        await _change(self, offering_id, owner, {"price": price}, actor)
        return await look(self.offering_queries, offering_id, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOffering:
    """Offer a model no longer."""

    unit_of_work: UnitOfWork[OfferingWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, offering_id: OfferingId, *, actor: Actor) -> None:
        """Forget it, and how it was shared; the books keep both.

        Raises:
            OfferingNotFound: The organization has none of that id.
        """
        owner = actor.must_in_organization(Permission.MANAGE_OFFERINGS)
        async with self.unit_of_work() as work:
            offering = await work.offerings.lock(offering_id, owner=owner)
            if offering is None:
                raise OfferingNotFound(offering_id=offering_id)
            await work.offerings.remove(offering_id, owner=owner)
            kind, now = OfferingActKind.OFFERING_DELETED, self.clock.now()
            act = act_on(kind, offering, actor, self.new_id, now)
            await tell(replace(act, before=_facts(offering)), offering, work)


async def _change(
    use_case: UpdateOffering | SetOfferingPrice,
    offering_id: OfferingId,
    owner: OrganizationId,
    changed: Mapping[str, Any],
    actor: Actor,
) -> None:
    now = use_case.clock.now()
    async with use_case.unit_of_work() as work:
        before = await work.offerings.lock(offering_id, owner=owner)
        if before is None:
            raise OfferingNotFound(offering_id=offering_id)
        after = replace(before, **changed).validated()
        if after == before:
            return
        after = replace(after, updated_at=now)
        if not await work.offerings.save(after):
            raise OfferingCodeTaken(offering_code=after.code)
        was, is_now = changes(before, after)
        act = act_on(OfferingActKind.OFFERING_UPDATED, after, actor, use_case.new_id, now)
        await tell(replace(act, before=was, after=is_now), after, work)


async def look(
    queries: OfferingQueries, offering_id: OfferingId, owner: OrganizationId
) -> OfferingRow:
    """Return an offering of the owner's, or raise `OfferingNotFound`."""
    row = await queries.find(offering_id, owner=owner)
    if row is None:
        raise OfferingNotFound(offering_id=offering_id)
    return row


async def tell(act: Act, offering: Offering, work: OfferingWork) -> None:
    """Enter an act in the books, and have those who remember grants look again."""
    await enter(act, work)
    await work.outbox.add(GrantsChanged(offering_id=offering.id, occurred_at=act.at))


def act_on(
    kind: OfferingActKind, offering: Offering, actor: Actor, new_id: NewId, at: datetime
) -> Act:
    """Return an act on an offering."""
    return Act(
        id=new_id(),
        kind=kind,
        actor=actor,
        organization_id=offering.organization_id,
        subject=Subject(kind="offering", id=offering.id, name=offering.code),
        at=at,
    )


def _facts(offering: Offering) -> dict[str, Any]:
    return {
        "name": offering.name,
        "code": offering.code,
        "model_id": offering.model_id,
        "description": offering.description,
        "is_active": offering.is_active,
        "visibility": offering.visibility,
        "access_policy": offering.access_policy,
        "price": offering.price,
        "starts_at": offering.starts_at,
        "ends_at": offering.ends_at,
    }
