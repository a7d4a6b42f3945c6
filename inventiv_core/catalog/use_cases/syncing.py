"""What providers themselves say they have, and at what price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from inventiv_core.catalog.entities import (
    CatalogAct,
    Entry,
    InstanceType,
    InstanceTypeId,
    Provider,
    Region,
    RegionId,
    Zone,
    ZoneId,
    tidy,
)
from inventiv_core.catalog.errors import FieldInvalid
from inventiv_core.catalog.ports import CatalogWork
from inventiv_core.catalog.use_cases.acts import enter_many
from inventiv_core.catalog.use_cases.revisions import Change, Revision, facts_of
from inventiv_core.cloud.entities import (
    Denied,
    Offer,
    Offered,
    OffersOutcome,
    Throttled,
    Trouble,
    Unknown,
)
from inventiv_core.cloud.ports import Clouds
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


class SyncResult(StrEnum):
    """What became of a provider; all but the first change nothing."""

    SYNCED = "synced"
    DENIED = "denied"
    THROTTLED = "throttled"
    NO_ANSWER = "no_answer"
    NOTHING_OFFERED = "nothing_offered"
    """More likely a mistake of the provider's than the end of its business."""
    NOT_UNDERSTOOD = "not_understood"
    """It offers what the catalog cannot hold."""
    NOT_IN_CATALOG = "not_in_catalog"


_TROUBLES: Final[Mapping[type[Trouble], SyncResult]] = {
    Denied: SyncResult.DENIED,
    Throttled: SyncResult.THROTTLED,
    Unknown: SyncResult.NO_ANSWER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedProvider:
    """What a sync has changed of one provider, and of what it has."""

    provider_code: str
    result: SyncResult
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCatalog:
    """Bring the catalog up to date with what providers say.

    Their word counts for the shape of machines, for prices and for what is sold out. What is
    new is added switched off, and waits for an administrator; what is gone is marked as sold
    out, and never removed. Names stay, and so does what was switched off or taken off sale.
    """

    clouds: Clouds
    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> Sequence[SyncedProvider]:
        """Ask every provider that can be asked, and return what has changed of each."""
        actor.must(Permission.MANAGE_PLATFORM)
        answers: dict[str, OffersOutcome] = {}
        for code, seller in (await self.clouds.sellers()).items():
            answers[code] = await seller.offers()
        now = self.clock.now()
        async with self.unit_of_work() as work:
            await work.catalog.take()
            revision = Revision(await work.catalog.everything(), work.catalog, at=now)
            syncing = _Syncing(revision=revision, new_id=self.new_id)
            synced = [await syncing.provider(code, answer) for code, answer in answers.items()]
            results = {one.provider_code: one.result for one in synced}
            await enter_many(
                CatalogAct.CATALOG_SYNCED,
                {"providers": results, **facts_of(revision.changes)},
                id=self.new_id(),
                actor=actor,
                at=now,
                work=work,
            )
        return synced


@dataclass(frozen=True, slots=True, kw_only=True)
class _Syncing:
    """One time through what is offered."""

    revision: Revision
    new_id: NewId

    async def provider(self, code: str, answer: OffersOutcome) -> SyncedProvider:
        provider = self.revision.providers.get(code)
        if provider is None:
            return SyncedProvider(provider_code=code, result=SyncResult.NOT_IN_CATALOG)
        if not isinstance(answer, Offered):
            return SyncedProvider(provider_code=code, result=_TROUBLES[type(answer)])
        if not answer.offers:
            return SyncedProvider(provider_code=code, result=SyncResult.NOTHING_OFFERED)
        try:
            offers = [_tidied(offer) for offer in answer.offers]
        except FieldInvalid:
            return SyncedProvider(provider_code=code, result=SyncResult.NOT_UNDERSTOOD)
        before = len(self.revision.changes)
        await self._take_over(provider, offers)
        changes = self.revision.changes[before:]
        return SyncedProvider(provider_code=code, result=SyncResult.SYNCED, changes=changes)

    async def _take_over(self, provider: Provider, offers: Sequence[Offer]) -> None:
        offered: dict[InstanceTypeId, dict[ZoneId, bool]] = {}
        for offer in _dearest(offers).values():
            await self._type(provider, offer)
        for offer in offers:
            zone = await self._zone(provider, offer)
            kind = self.revision.kinds.get((provider.id, offer.instance_type))
            if zone is not None and kind is not None:
                offered.setdefault(kind.id, {})[zone.id] = offer.is_available
        for kind in list(self.revision.kinds.values()):
            if kind.provider_id == provider.id:
                await self._links(kind, offered.get(kind.id, {}))

    async def _type(self, provider: Provider, offer: Offer) -> None:
        known = self.revision.kinds.get((provider.id, offer.instance_type))
        if known is None:
            await self._add(
                InstanceType(
                    id=InstanceTypeId(self.new_id()),
                    provider_id=provider.id,
                    name=offer.name,
                    code=offer.instance_type,
                    gpu_count=offer.gpu_count,
                    vram_per_gpu_gb=offer.vram_per_gpu_gb,
                    cpu_count=offer.cpu_count,
                    ram_gb=offer.ram_gb,
                    bandwidth_bps=offer.bandwidth_bps,
                    cost_per_hour=offer.cost_per_hour,
                    is_active=False,
                )
            )
            return
        price = known.cost_per_hour if offer.cost_per_hour is None else offer.cost_per_hour
        current = replace(
            known,
            gpu_count=offer.gpu_count,
            vram_per_gpu_gb=offer.vram_per_gpu_gb,
            cpu_count=offer.cpu_count,
            ram_gb=offer.ram_gb,
            bandwidth_bps=offer.bandwidth_bps,
            cost_per_hour=price,
        )
        await self.revision.put(current)

    async def _zone(self, provider: Provider, offer: Offer) -> Zone | None:
        known = self.revision.zones.get((provider.id, offer.zone))
        if known is not None:
            return known
        if (provider.id, offer.region) not in self.revision.regions:
            await self._add(
                Region(
                    id=RegionId(self.new_id()),
                    provider_id=provider.id,
                    name=offer.region,
                    code=offer.region,
                    is_active=False,
                )
            )
        region = self.revision.regions.get((provider.id, offer.region))
        if region is not None:
            await self._add(
                Zone(
                    id=ZoneId(self.new_id()),
                    region_id=region.id,
                    provider_id=provider.id,
                    name=offer.zone,
                    code=offer.zone,
                    is_active=False,
                )
            )
        return self.revision.zones.get((provider.id, offer.zone))

    async def _links(self, kind: InstanceType, offered: Mapping[ZoneId, bool]) -> None:
        gone = dict.fromkeys(self.revision.links_of(kind.id), False)
        on_sale = {
            zone_id: is_available
            for zone_id, is_available in offered.items()
            if (kind.id, zone_id) not in self.revision.withdrawn
        }
        await self.revision.mark(kind, gone | on_sale)

    async def _add(self, entry: Entry) -> None:
        """Add an entry, under its code if others have its name; or not, if they have both."""
        name = self.revision.free_name(entry)
        if name is not None:
            await self.revision.put(replace(entry, name=name))


def _dearest(offers: Sequence[Offer]) -> dict[str, Offer]:
    """Return one offer for each type: where prices differ by zone, the highest counts."""
    dearest: dict[str, Offer] = {}
    for offer in offers:
        known = dearest.get(offer.instance_type)
        if known is None or (offer.cost_per_hour or 0) > (known.cost_per_hour or 0):
            dearest[offer.instance_type] = offer
    return dearest


def _tidied(offer: Offer) -> Offer:
    """Return an offer as the catalog can hold it, or raise `FieldInvalid`."""
    for code in (offer.zone, offer.region, offer.instance_type):
        tidy({"code": code})
    fields = tidy(
        {
            "name": offer.name,
            "gpu_count": offer.gpu_count,
            "vram_per_gpu_gb": offer.vram_per_gpu_gb,
            "cpu_count": offer.cpu_count,
            "ram_gb": offer.ram_gb,
            "bandwidth_bps": offer.bandwidth_bps,
            "cost_per_hour": offer.cost_per_hour,
        }
    )
    return replace(offer, **fields)
