"""What the ports of models promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.kernel.pagination import PageRequest, SearchPage, search_page
from inventiv_core.models.entities import Model
from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.views import MODEL_KEYS, Machine, ModelFilter, ModelOrder
from tests.builders import (
    NOON,
    Market,
    a_model,
    a_number,
    a_provider,
    a_region,
    a_zone,
    an_instance_type,
    given,
    given_teams,
    on_sale,
)
from tests.core.models.published import MODELS

ROOMS: dict[str, dict[str, Any]] = {
    "b": {"required_vram_gb": 8, "data_volume_gb": None, "context_length": 1, "updated_at": 3},
    "a": {"required_vram_gb": 8, "data_volume_gb": 9, "context_length": 2, "updated_at": 2},
    "B": {"required_vram_gb": 0, "data_volume_gb": None, "context_length": 2, "updated_at": 1},
    "A": {"required_vram_gb": 9, "data_volume_gb": 0, "context_length": 4, "updated_at": 0},
}
"""What differs between some models, by their names, oldest first."""

ASCENDING = {
    ModelOrder.NAME: "ABab",
    ModelOrder.MODEL_ID: "ABab",
    ModelOrder.REQUIRED_VRAM_GB: "BbaA",
    ModelOrder.CONTEXT_LENGTH: "baBA",
    ModelOrder.DATA_VOLUME_GB: "AabB",
    ModelOrder.IS_ACTIVE: "BbaA",
    ModelOrder.CREATED_AT: "baBA",
    ModelOrder.UPDATED_AT: "ABab",
}


def some_models() -> list[Model]:
    minute = timedelta(minutes=1)
    return [
        replace(
            a_model(model_id=f"acme/{name}", is_active=name != "B"),
            **facts | {"updated_at": NOON + facts["updated_at"] * minute},
            created_at=NOON + age * minute,
        )
        for age, (name, facts) in enumerate(ROOMS.items())
    ]


async def test_what_was_added_comes_back_equal_active_or_not(adapters: Any) -> None:
    models = some_models()
    async with adapters.unit_of_work()() as work:
        assert [await work.models.add(model) for model in models] == [True] * len(models)
        assert [await work.models.find(model.id) for model in models] == models
        assert await work.models.find(a_number()) is None


async def test_a_model_is_stored_once_by_its_public_name(adapters: Any) -> None:
    model = a_model(model_id="acme/chat")
    again = replace(a_model(model_id="acme/chat"), name="another", is_active=False)
    await given(adapters.unit_of_work(), model)
    async with adapters.unit_of_work()() as work:
        assert await work.models.add(again) is False
        assert await work.models.find(model.id) == model
        assert await work.models.find(again.id) is None
        assert await work.models.add(a_model(model_id="Acme/chat")) is True


def test_every_order_is_tested() -> None:
    assert set(ASCENDING) == set(ModelOrder)


@pytest.mark.parametrize("order", ModelOrder)
async def test_models_are_listed_in_order_and_backwards(adapters: Any, order: ModelOrder) -> None:
    models = some_models()
    await given(adapters.unit_of_work(), *models[::2], *models[1::2])
    list_models = adapters.model_queries().list
    forth = await list_models(only_active=False, order=order, descending=False, limit=9)
    back = await list_models(only_active=False, order=order, descending=True, limit=9)
    assert "".join(model.name for model in forth) == ASCENDING[order]
    assert back == forth[::-1]


async def test_the_list_can_be_of_active_models_only(adapters: Any) -> None:
    await given(adapters.unit_of_work(), *some_models())
    list_models = adapters.model_queries().list
    shown = await list_models(only_active=True, order=ModelOrder.NAME, descending=False, limit=9)
    assert [model.name for model in shown] == ["A", "a", "b"]


async def test_a_list_is_as_long_as_it_may_be_and_no_longer(adapters: Any) -> None:
    await given(adapters.unit_of_work(), *some_models())
    list_models = adapters.model_queries().list
    shown = await list_models(only_active=False, order=ModelOrder.NAME, descending=False, limit=2)
    assert [model.name for model in shown] == ["A", "B"]


@pytest.mark.parametrize("name", MODELS)
async def test_whatever_a_model_is_made_of_comes_back_equal(adapters: Any, name: str) -> None:
    model = replace(
        a_model(),
        architecture=read_config(MODELS[name].config),
        metadata={"a": [1, 2.5, None, {"b": "\u00e9"}], "": True},
    )
    await given(adapters.unit_of_work(), model)
    async with adapters.unit_of_work()() as work:
        assert await work.models.find(model.id) == model
        assert await work.models.lock(model.id) == model
    assert await adapters.model_queries().find(model.id) == model
    assert await adapters.model_queries().find(a_number()) is None


async def test_a_model_is_saved_in_place_of_what_it_was(adapters: Any) -> None:
    before, other = some_models()[:2]
    await given(adapters.unit_of_work(), before, other)
    after = replace(
        other,
        id=before.id,
        model_id="acme/new",
        created_at=before.created_at,
        metadata={"new": True},
        architecture=read_config(MODELS["Llama-3.1-8B"].config),
    )
    async with adapters.unit_of_work()() as work:
        assert await work.models.save(after) is True
    assert await adapters.model_queries().find(before.id) == after
    assert await adapters.model_queries().find(other.id) == other


async def test_a_model_is_not_saved_under_the_name_of_another_and_the_work_goes_on(
    adapters: Any,
) -> None:
    first, second = some_models()[:2]
    await given(adapters.unit_of_work(), first, second)
    async with adapters.unit_of_work()() as work:
        assert await work.models.save(replace(second, model_id=first.model_id)) is False
        assert await work.models.save(replace(second, name="saved")) is True
    assert (await adapters.model_queries().find(second.id)).name == "saved"


async def test_a_model_is_forgotten_unless_an_instance_refers_to_it(adapters: Any) -> None:
    market, free = Market(), a_model()
    await given_teams(adapters.unit_of_work(), *market.everything, market.instance(), free)
    async with adapters.unit_of_work()() as work:
        assert await work.models.remove(market.model.id) is False
        assert await work.models.remove(free.id) is True
        assert await work.models.lock(free.id) is None
    assert await adapters.model_queries().find(market.model.id) == market.model
    assert await adapters.model_queries().find(free.id) is None


async def page(adapters: Any, where: ModelFilter, **request: Any) -> SearchPage[Model]:
    async def find(window: Any) -> Any:
        return await adapters.model_queries().search(where, window)

    return await search_page(find, PageRequest(**request), MODEL_KEYS)


@pytest.mark.parametrize("order", ModelOrder)
@pytest.mark.parametrize("descending", [False, True])
async def test_a_walk_shows_every_model_in_order(
    adapters: Any, order: ModelOrder, *, descending: bool
) -> None:
    await given(adapters.unit_of_work(), *some_models())
    seen, cursor = "", None
    for _ in range(5):
        shown = await page(
            adapters, ModelFilter(), order_by=order, descending=descending, limit=1, cursor=cursor
        )
        assert (shown.total_count, shown.filtered_count) == (4, 4)
        seen += "".join(model.name for model in shown.rows)
        cursor = shown.next_cursor
        if cursor is None:
            break
    expected = ASCENDING[order]
    assert seen == (expected[::-1] if descending else expected)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (ModelFilter(needle="ACME/b"), "Bb"),
        (ModelFilter(needle="b", is_active=True), "b"),
        (ModelFilter(is_active=False), "B"),
        (ModelFilter(needle="%"), ""),
        (ModelFilter(needle="_"), ""),
        (ModelFilter(needle="\\"), ""),
    ],
)
async def test_a_search_finds_what_contains_the_words(
    adapters: Any, where: ModelFilter, expected: str
) -> None:
    await given(adapters.unit_of_work(), *some_models())
    shown = await page(adapters, where)
    assert "".join(model.name for model in shown.rows) == expected
    assert (shown.total_count, shown.filtered_count) == (4, len(expected))


async def test_machines_are_active_types_of_active_providers_and_where_they_are_on_sale(
    adapters: Any,
) -> None:
    provider, gone = a_provider(code="sky"), a_provider(code="gone", is_active=False)
    region, closed = a_region(provider, code="r"), a_region(provider, code="c", is_active=False)
    zones = {
        code: a_zone(in_region, code=code, is_active=code != "dark")
        for code, in_region in {"b": region, "a": region, "dark": region, "shut": closed}.items()
    }
    kinds = {
        code: an_instance_type(provider, code=code, gpu_count=2, is_active=code != "old")
        for code in ("z", "old", "m")
    }
    foreign = an_instance_type(gone, code="foreign")
    links = [
        on_sale(kinds["z"], zone, is_available=zone is not zones["b"]) for zone in zones.values()
    ]
    links += [on_sale(kinds["old"], zones["a"]), on_sale(kinds["z"], zones["b"])]
    await given(
        adapters.unit_of_work(),
        provider, gone, region, closed, *zones.values(), *kinds.values(), foreign, *links,
    )  # fmt: skip
    queries = adapters.machine_queries()
    first, second = await queries.list(limit=9)
    assert first == Machine(
        id=kinds["m"].id,
        provider_id=provider.id,
        provider_code="sky",
        code="m",
        name="m",
        gpu_count=2,
        vram_per_gpu_gb=24,
        cost_per_hour=kinds["m"].cost_per_hour,
        zones=(),
    )
    assert (second.code, second.zones, second.vram_gb) == ("z", ("a", "b"), 48)
    assert await queries.list(limit=1) == [first]
    assert await queries.find(kinds["m"].id) == first
    assert (await queries.find(kinds["old"].id)).zones == ("a",)
    assert (await queries.find(foreign.id)).provider_code == "gone"
    assert await queries.find(a_number()) is None


async def test_what_was_seeded_is_new_once(adapters: Any) -> None:
    async with adapters.unit_of_work()() as work:
        assert await work.seeded.remember("model", ["a", "b"]) == {"a", "b"}
        assert await work.seeded.remember("model", ["b", "c", "c"]) == {"c"}
    async with adapters.unit_of_work()() as work:
        assert await work.seeded.remember("type", ["a"]) == {"a"}
        assert await work.seeded.remember("model", ["a", "c"]) == set()
        assert await work.seeded.remember("model", []) == set()
