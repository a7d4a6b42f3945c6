"""The catalog in both worlds: written in any order, and looked at from all sides."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from inventiv_core.catalog.entities import (
    Entry,
    InstanceType,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
)
from inventiv_core.catalog.views import (
    INSTANCE_TYPE_KEYS,
    PROVIDER_KEYS,
    REGION_KEYS,
    ZONE_KEYS,
    EntryFilter,
    OnSaleFilter,
)
from inventiv_core.kernel.pagination import PageRequest, search_page
from tests.adapters.two_worlds import InBothWorlds, seconds
from tests.builders import ACME, a_number, a_provider, an_instance_type, on_sale

limits = st.integers(min_value=0, max_value=5)
some = st.integers(min_value=0, max_value=2)
prices = st.none() | st.sampled_from(["0.0000", "0.7500", "1.2000"]).map(Decimal)
words = st.sampled_from(["a", "A", "b", "%", "_", "é", "É", "a b"])


class Shop(InBothWorlds):
    """What is on sale, written by hand and looked at."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.entries: dict[type[Entry], list[Any]] = {}

    @initialize()
    def open(self) -> None:
        other = a_provider(code="other")
        self.entries = {
            Provider: [self.market.provider, other],
            Region: [self.market.region],
            Zone: [self.market.zone],
            InstanceType: [self.market.kind],
        }
        self.begin(other, self.market.instance(owner=ACME))

    def known(self, kind: type[Any], which: int) -> Any:
        """Return one of the entries there were, stored or not."""
        return self.entries[kind][which % len(self.entries[kind])]

    def store(self, entry: Entry, verb: str) -> None:
        name = {
            Provider: "provider", Region: "region", Zone: "zone", InstanceType: "instance_type"
        }[type(entry)]  # fmt: skip
        dated = {"at": self.clock.now()} if isinstance(entry, InstanceType) else {}
        answer = self.work(lambda work: getattr(work.catalog, f"{verb}_{name}")(entry, **dated))
        if verb == "add" and answer is None:
            self.entries[type(entry)].append(entry)

    @rule(name=words, code=words, is_active=st.booleans(), description=st.none() | words)
    def add_provider(self, **facts: Any) -> None:
        self.store(Provider(id=ProviderId(a_number()), **facts), "add")

    @rule(which=some, name=words, code=words, is_active=st.booleans())
    def add_region(self, which: int, **facts: Any) -> None:
        provider = self.known(Provider, which)
        region = Region(id=RegionId(a_number()), provider_id=provider.id, **facts)
        self.store(region, "add")

    @rule(which=some, whose=some, name=words, code=words, is_active=st.booleans())
    def add_zone(self, which: int, whose: int, **facts: Any) -> None:
        region = self.known(Region, which)
        provider_id = self.known(Provider, whose).id if whose else region.provider_id
        zone = Zone(id=ZoneId(a_number()), region_id=region.id, provider_id=provider_id, **facts)
        self.store(zone, "add")

    @rule(
        which=some,
        name=words,
        code=words,
        cost_per_hour=prices,
        is_active=st.booleans(),
        gpu_count=st.integers(0, 2),
    )
    def add_type(self, which: int, name: str, **facts: Any) -> None:
        kind = an_instance_type(self.known(Provider, which), **facts)
        self.store(replace(kind, name=name, allocation_params={"a": [name]}), "add")

    @rule(
        kind=st.sampled_from([Provider, Region, Zone, InstanceType]),
        which=limits,
        name=st.none() | words,
        code=st.none() | words,
    )
    def rename(self, kind: Any, which: int, **changes: str | None) -> None:
        said = {name: value for name, value in changes.items() if value is not None}
        before = self.known(kind, which)
        after = replace(before, **said)
        self.store(after, "save")
        self.reread(after)

    @rule(which=limits, cost_per_hour=prices, is_active=st.booleans())
    def change_type(self, which: int, **changes: Any) -> None:
        after = replace(self.known(InstanceType, which), **changes)
        self.store(after, "save")
        self.reread(after)

    @rule(which=limits, whose=some)
    def move_region(self, which: int, whose: int) -> None:
        provider = self.known(Provider, whose)
        after = replace(self.known(Region, which), provider_id=provider.id)
        self.store(after, "save")
        self.reread(after)

    def reread(self, entry: Any) -> None:
        """Know an entry as it is stored, whether or not a change of it was refused."""
        names = {Provider: "provider", Region: "region", Zone: "zone"}
        name = names.get(type(entry), "instance_type")
        stored = self.work(lambda work: getattr(work.catalog, f"get_{name}")(entry.id))
        entries = self.entries[type(entry)]
        entries[:] = [stored if known.id == entry.id else known for known in entries]

    @rule(which=limits, zones=st.lists(limits, max_size=3))
    def set_zones(self, which: int, zones: list[int]) -> None:
        kind = self.known(InstanceType, which)
        ids = [self.known(Zone, zone).id for zone in zones]

        async def run(work: Any) -> object:
            known = await work.catalog.find_zones(kind.provider_id, ids)
            await work.catalog.set_zones(kind.id, [zone.id for zone in known])
            return await work.catalog.zones_of(kind.id)

        self.work(run)

    @rule(which=limits, where=limits, is_available=st.booleans())
    def put_on_sale(self, which: int, where: int, *, is_available: bool) -> None:
        link = on_sale(
            self.known(InstanceType, which), self.known(Zone, where), is_available=is_available
        )
        self.work(lambda work: work.catalog.put_on_sale(link))

    @rule(id=st.booleans(), code=st.none() | words, name=words)
    def shop(self, *, id: bool, code: str | None, name: str) -> None:
        where = OnSaleFilter(
            provider_id=self.market.provider.id if id else None, provider_code=code
        )

        async def look(adapters: Any) -> object:
            queries = adapters.catalog_queries()
            return [
                await queries.on_sale(self.market.zone.id, where),
                [await queries.zones_of(kind.id) for kind in self.entries[InstanceType]],
            ]

        self.both(look)
        self.work(lambda work: work.catalog.find_provider(code=name))

    @rule(
        what=st.sampled_from(
            [
                ("providers", PROVIDER_KEYS),
                ("regions", REGION_KEYS),
                ("zones", ZONE_KEYS),
                ("instance_types", INSTANCE_TYPE_KEYS),
            ]
        ),
        q=st.none() | words,
        is_active=st.none() | st.booleans(),
        whose=st.none() | some,
        where=st.none() | some,
        order=limits,
        order_dir=st.sampled_from(["asc", "desc"]),
        limit=st.integers(1, 3),
    )
    def search(
        self,
        what: tuple[str, Any],
        q: str | None,
        whose: int | None,
        where: int | None,
        order: int,
        order_dir: str,
        limit: int,
        *,
        is_active: bool | None,
    ) -> None:
        name, keys = what
        narrow = EntryFilter(
            q=q,
            is_active=is_active,
            provider_id=None if whose is None else self.known(Provider, whose).id,
            region_id=None if where is None else self.known(Region, where).id,
        )

        async def walk(adapters: Any) -> object:
            find = getattr(adapters.catalog_queries(), f"search_{name}")
            pages: list[Any] = []
            cursor = None
            while not pages or cursor is not None:
                request = PageRequest.of(
                    limit=limit,
                    order_by=keys[order % len(keys)].name,
                    order_dir=order_dir,
                    cursor=cursor,
                )
                page: Any = await search_page(lambda window: find(narrow, window), request, keys)
                pages.append(page)
                cursor = page.next_cursor
            return pages

        self.both(walk)

    @rule(which=limits, ago=seconds, wide=seconds, limit=st.integers(1, 3))
    def look_at_prices(self, which: int, ago: timedelta, wide: timedelta, limit: int) -> None:
        kind, start = self.known(InstanceType, which), self.clock.now() - ago

        async def look(adapters: Any) -> object:
            queries = adapters.price_queries()
            return [
                await queries.at(kind.id, start),
                await queries.between(start, start + wide),
                await queries.between(start, start + wide, id=kind.id),
                await queries.history(kind.id, limit=limit),
            ]

        self.both(look)

    @invariant()
    def the_catalog_is_the_same(self) -> None:
        async def everything(work: Any) -> object:
            whole = await work.catalog.everything()
            in_use = [
                await work.catalog.is_in_use(entry)
                for entry in (*whole.zones, *whole.instance_types)
            ]
            return whole, in_use

        self.work(everything)
