"""What the catalog has from the start, and what a second start leaves alone."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.action_logs.views import ActionLogFilter
from inventiv_core.catalog.entities import InstanceType
from inventiv_core.catalog.seed import PROVIDERS
from inventiv_core.catalog.use_cases import seeding
from inventiv_core.catalog.use_cases.seeding import SeedCatalog
from inventiv_core.catalog.views import OnSaleFilter, WholeCatalog
from inventiv_core.identity.access import PLATFORM
from tests.builders import NOON, Market, a_provider, an_instance_type, given


async def seed(adapters: Any) -> WholeCatalog:
    """Seed, and return all there is then."""
    seed_catalog = SeedCatalog(
        unit_of_work=adapters.unit_of_work(), clock=adapters.clock(), new_id=adapters.new_id()
    )
    await seed_catalog(actor=PLATFORM)
    return await everything(adapters)


async def everything(adapters: Any) -> WholeCatalog:
    async with adapters.unit_of_work()() as work:
        whole: WholeCatalog = await work.catalog.everything()
    return whole


def by_code(entries: Any) -> Mapping[str, Any]:
    return {entry.code: entry for entry in entries}


async def test_an_empty_catalog_is_filled(adapters: Any) -> None:
    whole = await seed(adapters)
    assert [provider.code for provider in whole.providers] == ["mock", "ovh", "scaleway"]
    assert {region.code: region.is_active for region in whole.regions} == {
        "fr-par": True, "local": True, "nl-ams": True, "pl-waw": False,
    }  # fmt: skip
    zones = by_code(whole.zones)
    assert list(zones) == ["fr-par-1", "fr-par-2", "local", "nl-ams-1"]
    assert len(whole.instance_types) == 16
    for kind in whole.instance_types:
        place = "local" if kind.code == "mock-local-instance" else "fr-par-2"
        links = [link for link in whole.links if link.instance_type_id == kind.id]
        assert [(link.zone_id, link.is_available) for link in links] == [(zones[place].id, True)]
        assert await adapters.price_queries().at(kind.id, NOON) is not None
    paris = await adapters.catalog_queries().on_sale(zones["fr-par-2"].id, OnSaleFilter())
    assert len(paris) == 15


async def test_to_seed_again_changes_nothing_whatever_was_edited(adapters: Any) -> None:
    whole = await seed(adapters)
    kinds, providers = by_code(whole.instance_types), by_code(whole.providers)
    edited: list[InstanceType] = [
        replace(kinds["RENDER-S"], is_active=False, cost_per_hour=Decimal("9.9000")),
        replace(kinds["L4-1-24G"], code="renamed", name="renamed"),
        replace(kinds["mock-local-instance"], name="Mine", gpu_count=7),
    ]
    async with adapters.unit_of_work()() as work:
        for kind in edited:
            await work.catalog.save_instance_type(kind, at=NOON)
        await work.catalog.set_zones(kinds["H100-1-80G"].id, [])
        await work.catalog.save_provider(replace(providers["ovh"], code="OVH-2", name="Else"))
        await work.catalog.save_provider(replace(providers["mock"], is_active=False))
        await work.catalog.save_region(replace(by_code(whole.regions)["pl-waw"], code="waw"))
        await work.catalog.save_zone(replace(by_code(whole.zones)["fr-par-2"], is_active=False))
    before = await everything(adapters)
    assert await seed(adapters) == before
    assert await seed(adapters) == before


async def test_what_a_later_version_brings_is_added_alone(
    adapters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await seed(adapters)
    kinds = by_code(whole.instance_types)
    async with adapters.unit_of_work()() as work:
        renamed = replace(kinds["L4-1-24G"], code="renamed", name="renamed")
        await work.catalog.save_instance_type(renamed, at=NOON)
        await work.catalog.set_zones(kinds["RENDER-S"].id, [])
    before = await everything(adapters)
    mock, scaleway, ovh = PROVIDERS
    new = replace(scaleway.types[0], code="NEW", name="NEW", zone="nl-ams-1")
    later = replace(scaleway, types=(*scaleway.types, new))
    monkeypatch.setattr(seeding, "PROVIDERS", (mock, later, ovh))
    after = await seed(adapters)
    [added] = [kind for kind in after.instance_types if kind not in before.instance_types]
    [link] = [link for link in after.links if link not in before.links]
    zone = by_code(after.zones)["nl-ams-1"]
    assert (added.code, link.instance_type_id, link.zone_id) == ("NEW", added.id, zone.id)
    assert [kind for kind in after.instance_types if kind != added] == before.instance_types
    assert [one for one in after.links if one != link] == before.links
    assert await seed(adapters) == after


async def test_what_was_there_before_anything_was_remembered_stays(adapters: Any) -> None:
    market = Market()  # the mock provider, otherwise than seeded
    extra = an_instance_type(market.provider, code="extra")
    taken = replace(a_provider(code="mine"), name="OVH")
    await given(adapters.unit_of_work(), *market.everything, extra, taken)
    whole = await seed(adapters)
    assert by_code(whole.providers)["mock"] == market.provider
    assert by_code(whole.zones)["local"] == market.zone
    kinds = by_code(whole.instance_types)
    assert (kinds["mock-local-instance"], kinds["extra"]) == (market.kind, extra)
    assert by_code(whole.providers)["ovh"].name == "ovh"  # as somebody else is called OVH
    assert await seed(adapters) == whole


async def test_a_name_and_a_code_that_are_both_taken_are_left_to_who_has_them(
    adapters: Any,
) -> None:
    first, second = (
        replace(a_provider(code="a"), name="OVH"),
        replace(a_provider(code="b"), name="ovh"),
    )
    await given(adapters.unit_of_work(), first, second)
    providers: Any = (await seed(adapters)).providers
    assert [provider.code for provider in providers] == ["a", "b", "mock", "scaleway"]


async def test_seeding_leaves_an_act_if_it_did_something(adapters: Any) -> None:
    await seed(adapters)
    await seed(adapters)
    logs = await adapters.action_log_queries().list(None, ActionLogFilter(), limit=10)
    [act] = [log for log in logs if log.action_type == "CATALOG_SEEDED"]
    assert len(act.metadata["changes"]) == 3 + 4 + 4 + 16 + 16


def test_the_seeds_name_everything_once() -> None:
    for provider in PROVIDERS:
        codes = [kind.code for kind in provider.types]
        assert len(codes) == len(set(codes))
        zones = {code for region in provider.regions for code, _ in region.zones}
        assert {kind.zone for kind in provider.types} <= zones
