"""``/models``, through the real application, over memory."""

import httpx
import pytest

from inventiv_http.container import MemoryAdapters
from tests.builders import a_model, given
from tests.http.conftest import Json, SignIn


@pytest.fixture
async def models(memory: MemoryAdapters) -> None:
    await given(
        memory.unit_of_work(),
        a_model(model_id="x/beta", required_vram_gb=10),
        a_model(model_id="y/alpha", required_vram_gb=30),
        a_model(model_id="z/gamma", required_vram_gb=20, is_active=False),
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "alpha beta gamma"),
        ({"order_dir": "DESC"}, "gamma beta alpha"),
        ({"order_dir": "down"}, "alpha beta gamma"),
        ({"order_by": "model_id"}, "beta alpha gamma"),
        ({"order_by": "required_vram_gb"}, "beta gamma alpha"),
        ({"order_by": "required_vram_gb", "order_dir": "desc"}, "alpha gamma beta"),
        ({"order_by": "is_active"}, "gamma beta alpha"),
        ({"order_by": "Model_Id"}, "alpha beta gamma"),  # the name has to be exact
        ({"order_by": ""}, "alpha beta gamma"),
        ({"active": "true"}, "alpha beta"),
        ({"active": "false"}, "alpha beta gamma"),
    ],
)
async def test_models_come_in_the_order_that_was_asked_for(
    owner: httpx.AsyncClient, models: None, params: Json, expected: str
) -> None:
    answer = await owner.get("/models", params=params)
    assert [model["name"] for model in answer.json()] == expected.split()


async def test_a_model_has_the_fields_that_clients_know(
    memory: MemoryAdapters, sign_in: SignIn
) -> None:
    model = a_model(model_id="acme/tiny")
    await given(memory.unit_of_work(), model)
    assert (await (await sign_in("loner")).get("/models")).json() == [
        {
            "id": str(model.id),
            "name": "tiny",
            "model_id": "acme/tiny",
            "required_vram_gb": 16,
            "context_length": 8192,
            "is_active": True,
            "data_volume_gb": None,
            "created_at": "2026-01-01T12:00:00Z",
            "updated_at": "2026-01-01T12:00:00Z",
        }
    ]
