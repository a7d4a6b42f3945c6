"""What the catalog has from the start."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from inventiv_core.catalog.entities import (
    CatalogAct,
    Entry,
    InstanceType,
    InstanceTypeId,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
)
from inventiv_core.catalog.ports import CatalogWork
from inventiv_core.catalog.seed import PROVIDERS, SeededProvider, SeededRegion, SeededType
from inventiv_core.catalog.use_cases.acts import enter_many
from inventiv_core.catalog.use_cases.revisions import Revision, facts_of
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCatalog:
    """Fill the catalog with what is known from the start.

    Each thing is seeded once: what an administrator has changed, renamed or taken off sale
    since stays so, and so does what was there by the same code before.
    """

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> None:
        """Add what was never seeded."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            await work.catalog.take()
            new = await work.seeded.remember("catalog", list(_names()))
            if not new:
                return
            seeded = frozenset(_names()) - new
            revision = Revision(await work.catalog.everything(), work.catalog, at=now)
            seeding = _Seeding(revision=revision, seeded=seeded, new_id=self.new_id)
            for provider in PROVIDERS:
                await seeding.provider(provider)
            if revision.changes:
                await enter_many(
                    CatalogAct.CATALOG_SEEDED,
                    facts_of(revision.changes),
                    id=self.new_id(),
                    actor=actor,
                    at=now,
                    work=work,
                )


def _names() -> Iterator[str]:
    """Yield what everything that is seeded is remembered by."""
    for provider in PROVIDERS:
        yield provider.code
        for region in provider.regions:
            yield f"{provider.code} region {region.code}"
            for zone_code, _ in region.zones:
                yield f"{provider.code} zone {zone_code}"
        for kind in provider.types:
            yield f"{provider.code} type {kind.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seeding:
    """One time through the seeds."""

    revision: Revision
    seeded: frozenset[str]
    new_id: NewId

    async def provider(self, seed: SeededProvider) -> None:
        if seed.code not in self.seeded and seed.code not in self.revision.providers:
            await self._put(
                Provider(
                    id=ProviderId(self.new_id()),
                    name=seed.name,
                    code=seed.code,
                    description=seed.description,
                    is_active=True,
                )
            )
        provider = self.revision.providers.get(seed.code)
        if provider is None:  # it has another code by now
            return
        for region in seed.regions:
            await self._region(region, provider)
        for kind in seed.types:
            await self._type(kind, provider)

    async def _region(self, seed: SeededRegion, provider: Provider) -> None:
        key = (provider.id, seed.code)
        if self._is_due(provider, "region", seed.code) and key not in self.revision.regions:
            await self._put(
                Region(
                    id=RegionId(self.new_id()),
                    provider_id=provider.id,
                    name=seed.name,
                    code=seed.code,
                    is_active=seed.is_active,
                )
            )
        region = self.revision.regions.get(key)
        if region is None:
            return
        for code, name in seed.zones:
            is_known = (provider.id, code) in self.revision.zones
            if self._is_due(provider, "zone", code) and not is_known:
                await self._put(
                    Zone(
                        id=ZoneId(self.new_id()),
                        region_id=region.id,
                        provider_id=provider.id,
                        name=name,
                        code=code,
                        is_active=True,
                    )
                )

    async def _type(self, seed: SeededType, provider: Provider) -> None:
        key = (provider.id, seed.code)
        if not self._is_due(provider, "type", seed.code) or key in self.revision.kinds:
            return
        kind = InstanceType(
            id=InstanceTypeId(self.new_id()),
            provider_id=provider.id,
            name=seed.name,
            code=seed.code,
            gpu_count=seed.gpu_count,
            vram_per_gpu_gb=seed.vram_per_gpu_gb,
            cpu_count=seed.cpu_count,
            ram_gb=seed.ram_gb,
            bandwidth_bps=seed.bandwidth_bps,
            cost_per_hour=seed.cost_per_hour,
            is_active=True,
        )
        await self._put(kind)
        zone = self.revision.zones.get((provider.id, seed.zone))
        if zone is not None and key in self.revision.kinds:
            await self.revision.mark(kind, {zone.id: True})

    def _is_due(self, provider: Provider, kind: str, code: str) -> bool:
        return f"{provider.code} {kind} {code}" not in self.seeded

    async def _put(self, entry: Entry) -> None:
        """Add an entry, under its code if others have its name; or not, if they have both."""
        name = self.revision.free_name(entry)
        if name is not None:
            await self.revision.put(replace(entry, name=name))
