"""Providers: who rents out machines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from inventiv_core.catalog.entities import (
    CatalogAct,
    Provider,
    ProviderChanges,
    ProviderId,
    tidy,
)
from inventiv_core.catalog.ports import CatalogQueries, CatalogWork
from inventiv_core.catalog.use_cases.acts import enter_change
from inventiv_core.catalog.views import PROVIDER_KEYS, EntryFilter
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import PageRequest, SearchPage, search_page
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviders:
    """List who rents out machines."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[Provider]:
        """Return all providers, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.providers()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProviders:
    """Search who rents out machines."""

    catalog_queries: CatalogQueries

    async def __call__(
        self, where: EntryFilter, page: PageRequest, *, actor: Actor
    ) -> SearchPage[Provider]:
        """Return the page that is asked for, or raise `CursorInvalid`."""
        actor.must(Permission.VIEW_CATALOG)
        return await search_page(
            lambda window: self.catalog_queries.search_providers(where, window),
            page,
            PROVIDER_KEYS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProvider:
    """A provider that somebody wants."""

    name: str
    code: str
    description: str | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProvider:
    """Add a provider."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, wanted: WantedProvider, *, actor: Actor) -> Provider:
        """Add it.

        Raises:
            FieldInvalid: A field has a value that it cannot have.
            NameTaken: Another provider has this name.
            CodeTaken: Another provider has this code.
        """
        actor.must(Permission.MANAGE_CATALOG)
        provider = Provider(id=ProviderId(self.new_id()), **tidy(asdict(wanted)))
        async with self.unit_of_work() as work:
            await work.catalog.take()
            await work.catalog.add_provider(provider)
            await enter_change(
                CatalogAct.PROVIDER_CREATED,
                None,
                provider,
                id=self.new_id(),
                actor=actor,
                at=self.clock.now(),
                work=work,
            )
        return provider


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProvider:
    """Change a provider."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, provider_id: ProviderId, changes: ProviderChanges, *, actor: Actor
    ) -> Provider:
        """Change the fields that are given, and return the provider as it is now.

        Raises:
            ProviderNotFound: There is none of that id.
            FieldInvalid: A field has a value that it cannot have.
            NameTaken: Another provider has this name.
            CodeTaken: Another provider has this code.
        """
        actor.must(Permission.MANAGE_CATALOG)
        wanted = tidy(changes)
        async with self.unit_of_work() as work:
            await work.catalog.take()
            before = await work.catalog.get_provider(provider_id)
            after = replace(before, **wanted)
            await work.catalog.save_provider(after)
            await enter_change(
                CatalogAct.PROVIDER_UPDATED,
                before,
                after,
                id=self.new_id(),
                actor=actor,
                at=self.clock.now(),
                work=work,
            )
        return after
