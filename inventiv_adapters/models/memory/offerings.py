"""Offerings, in memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.users import User
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.kernel.pagination import Rows, Window, has_needle
from inventiv_core.models.entities import (
    NO_STANDING,
    AccessPolicy,
    Model,
    Offering,
    OfferingId,
    Share,
    ShareId,
    ShareStatus,
    Standing,
    Visibility,
)
from inventiv_core.models.ports import OfferingQueries, OfferingRepository
from inventiv_core.models.views import (
    Channel,
    Grant,
    NamedModel,
    OfferingFilter,
    OfferingRow,
    ShareRow,
)

_CHANNELS = {channel: rank for rank, channel in enumerate(Channel)}


class MemoryOfferings(OfferingRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._offerings = database.table(Offering)
        self._shares = database.table(Share)

    async def add(self, offering: Offering) -> bool:
        for other in self._offerings.values():
            if (other.organization_id, other.code) == (offering.organization_id, offering.code):
                return False
        self._offerings[offering.id] = offering
        return True

    async def lock(self, offering_id: OfferingId, *, owner: OrganizationId) -> Offering | None:
        offering = self._offerings.get(offering_id)
        return offering if offering is not None and offering.organization_id == owner else None

    async def save(self, offering: Offering) -> bool:
        for other in self._offerings.values():
            is_same = (other.organization_id, other.code) == (
                offering.organization_id, offering.code,
            )  # fmt: skip
            if is_same and other.id != offering.id:
                return False
        self._offerings[offering.id] = offering
        return True

    async def remove(self, offering_id: OfferingId, *, owner: OrganizationId) -> None:
        if await self.lock(offering_id, owner=owner) is None:
            return
        del self._offerings[offering_id]
        for share in list(self._shares.values()):
            if share.offering_id == offering_id:
                del self._shares[share.id]

    async def add_share(self, share: Share) -> bool:
        for other in self._shares.values():
            if (
                other.offering_id == share.offering_id
                and other.consumer_organization_id == share.consumer_organization_id
                and other.status is not ShareStatus.REVOKED
            ):
                return False
        self._shares[share.id] = share
        return True

    async def lock_share(
        self, share_id: ShareId, *, offering_id: OfferingId, owner: OrganizationId
    ) -> Share | None:
        share = self._shares.get(share_id)
        if share is None or share.status is ShareStatus.REVOKED:
            return None
        wanted = (offering_id, owner)
        return share if (share.offering_id, share.organization_id) == wanted else None

    async def save_share(self, share: Share) -> None:
        self._shares[share.id] = share


class MemoryOfferingQueries(OfferingQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def search(
        self, owner: OrganizationId, where: OfferingFilter, window: Window
    ) -> Rows[OfferingRow]:
        offerings = self._database.table(Offering).values()
        rows = [self._row(each) for each in offerings if each.organization_id == owner]
        found = [
            row
            for row in rows
            if where.is_active in {None, row.is_active}
            and where.visibility in {None, row.visibility}
            and has_needle(where.needle, row.name, row.code, row.model_id)
        ]
        return Rows(rows=within(window, found), total_count=len(rows), filtered_count=len(found))

    async def find(self, offering_id: OfferingId, *, owner: OrganizationId) -> OfferingRow | None:
        offering = self._database.table(Offering).get(offering_id)
        if offering is None or offering.organization_id != owner:
            return None
        return self._row(offering)

    async def shares(
        self,
        offering_id: OfferingId,
        *,
        owner: OrganizationId,
        only: ShareId | None = None,
        limit: int,
    ) -> Sequence[ShareRow]:
        rows = [
            self._share_row(share)
            for share in self._shares_of(offering_id)
            if share.organization_id == owner and only in {None, share.id}
        ]
        return sorted(rows, key=lambda row: (row.organization_slug, row.id))[:limit]

    async def named_models(self) -> Sequence[NamedModel]:
        models = self._database.table(Model).values()
        named = [
            NamedModel(id=model.id, model_id=model.model_id, name=model.name)
            for model in models
            if model.is_active
        ]
        return sorted(named, key=lambda model: model.model_id)

    async def grants(self, *, at: datetime) -> Sequence[Grant]:
        return sorted(self._grants(at), key=_place)

    async def grants_of(self, caller: OrganizationId | None, *, at: datetime) -> Sequence[Grant]:
        consumers = {None, caller}
        return [
            grant
            for grant in await self.grants(at=at)
            if grant.consumer_organization_id in consumers
        ]

    async def standings(
        self, of: Collection[UUID] | None, *, limit: int
    ) -> Mapping[UUID, Standing]:
        stands: dict[UUID, Standing] = {}
        for user in self._database.table(User).values():
            solvent = user.wallet_balance_eur > ZERO_EUR
            stands[user.id] = Standing(plan=user.account_plan, is_solvent=solvent)
        for each in self._database.table(Organization).values():
            solvent = each.wallet_balance_eur > ZERO_EUR
            if each.deleted_at is None:
                stands[each.id] = Standing(plan=each.subscription_plan, is_solvent=solvent)
        found = [
            (payer, stands[payer])
            for payer in sorted(stands)
            if stands[payer] != NO_STANDING and (of is None or payer in of)
        ]
        return dict(found[:limit])

    def _grants(self, at: datetime) -> Iterator[Grant]:
        for offering in self._database.table(Offering).values():
            owner = self._organization(offering.organization_id)
            model = self._database.table(Model)[offering.model_id]
            if owner is None or not model.is_active or not offering.is_active:
                continue
            if not _lasts(offering, at):
                continue
            yield _grant(Channel.OWN, offering, owner, model)
            if offering.visibility is Visibility.PUBLIC and offering.price is not None:
                yield _grant(Channel.OFFERING, offering, owner, model)
            for share in self._shares_of(offering.id):
                is_priced = share.price is not None or offering.price is not None
                is_there = self._organization(share.consumer_organization_id) is not None
                is_active = share.status is ShareStatus.ACTIVE
                if is_active and is_there and is_priced and _lasts(share, at):
                    yield _grant(Channel.SHARE, offering, owner, model, share)

    def _organization(self, organization_id: OrganizationId) -> Organization | None:
        organization = self._database.table(Organization)[organization_id]
        return organization if organization.deleted_at is None else None

    def _shares_of(self, offering_id: OfferingId) -> list[Share]:
        return [
            share
            for share in self._database.table(Share).values()
            if share.offering_id == offering_id and share.status is not ShareStatus.REVOKED
        ]

    def _row(self, offering: Offering) -> OfferingRow:
        return OfferingRow(
            id=offering.id,
            slug=self._database.table(Organization)[offering.organization_id].slug,
            code=offering.code,
            name=offering.name,
            description=offering.description,
            catalog_model_id=offering.model_id,
            model_id=self._database.table(Model)[offering.model_id].model_id,
            is_active=offering.is_active,
            visibility=offering.visibility,
            price=offering.price,
            starts_at=offering.starts_at,
            ends_at=offering.ends_at,
            created_at=offering.created_at,
            updated_at=offering.updated_at,
            share_count=len(self._shares_of(offering.id)),
            access_policy=offering.access_policy,
        )

    def _share_row(self, share: Share) -> ShareRow:
        consumer = self._database.table(Organization)[share.consumer_organization_id]
        return ShareRow(
            id=share.id,
            offering_id=share.offering_id,
            consumer_organization_id=consumer.id,
            organization_slug=consumer.slug,
            organization_name=consumer.name,
            status=share.status,
            price=share.price,
            starts_at=share.starts_at,
            ends_at=share.ends_at,
            created_at=share.created_at,
            updated_at=share.updated_at,
        )


def _lasts(thing: Offering | Share, at: datetime) -> bool:
    return thing.starts_at <= at and (thing.ends_at is None or at < thing.ends_at)


def _grant(
    channel: Channel,
    offering: Offering,
    owner: Organization,
    model: Model,
    share: Share | None = None,
) -> Grant:
    lasting: list[Offering | Share] = [offering] if share is None else [offering, share]
    prices = [thing.price for thing in reversed(lasting) if thing.price is not None]
    ends = [thing.ends_at for thing in lasting if thing.ends_at is not None]
    consumer = offering.organization_id if channel is Channel.OWN else None
    return Grant(
        channel=channel,
        consumer_organization_id=consumer if share is None else share.consumer_organization_id,
        provider_organization_id=owner.id,
        provider_slug=owner.slug,
        code=offering.code,
        offering_id=offering.id,
        share_id=None if share is None else share.id,
        name=offering.name,
        model_id=model.model_id,
        price=None if channel is Channel.OWN else prices[0],
        starts_at=max(thing.starts_at for thing in lasting),
        ends_at=min(ends, default=None),
        access_policy=AccessPolicy.FREE if channel is Channel.OWN else offering.access_policy,
    )


def _place(grant: Grant) -> tuple[str, str, int, str]:
    consumer = str(grant.consumer_organization_id or "")
    return grant.provider_slug or "", grant.code or "", _CHANNELS[grant.channel], consumer
