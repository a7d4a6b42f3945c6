"""What the ports of models promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.models.entities import Model
from inventiv_core.models.views import ModelOrder
from tests.builders import NOON, a_model, a_number, given

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
    forth = await list_models(only_active=False, order=order, descending=False)
    back = await list_models(only_active=False, order=order, descending=True)
    assert "".join(model.name for model in forth) == ASCENDING[order]
    assert back == forth[::-1]


async def test_the_list_can_be_of_active_models_only(adapters: Any) -> None:
    await given(adapters.unit_of_work(), *some_models())
    list_models = adapters.model_queries().list
    shown = await list_models(only_active=True, order=ModelOrder.NAME, descending=False)
    assert [model.name for model in shown] == ["A", "a", "b"]
