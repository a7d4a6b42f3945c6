"""``/models/{id}/fit`` and ``/models/fit``, through the real application, over memory."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from inventiv_core.models.entities import Model
from inventiv_core.models.sizing.config import read_config
from inventiv_http.container import MemoryAdapters
from tests.builders import a_model, a_provider, a_region, a_zone, an_instance_type, given, on_sale
from tests.core.models.published import LLAMA_8B, QWEN_7B
from tests.http.conftest import Json


@pytest.fixture
async def llama(memory: MemoryAdapters) -> Model:
    """A model of known architecture, and three machines, two of which can hold it."""
    sky = a_provider(code="sky")
    region = a_region(sky)
    zone = a_zone(region, code="sky-1")
    kinds = [
        an_instance_type(
            sky, code=code, gpu_count=count, vram_per_gpu_gb=vram, cost_per_hour=Decimal(price)
        )
        for code, count, vram, price in (
            ("B", 2, 24, "1.5"),
            ("A", 1, 24, "0.75"),
            ("C", 1, 8, "1"),
        )
    ]
    model = replace(a_model(required_vram_gb=30), architecture=read_config(LLAMA_8B.config))
    links = [on_sale(kind, zone) for kind in kinds]
    await given(memory.unit_of_work(), sky, region, zone, *kinds, *links, model)
    return model


async def test_every_line_of_an_estimate_says_how_it_came_about(
    owner: httpx.AsyncClient, llama: Model
) -> None:
    answer = await owner.get(f"/models/{llama.id}/fit")
    assert answer.status_code == 200
    fit = answer.json()
    assert fit["method"] == "architecture"
    assert fit["demand"] == {
        "context": 8192, "concurrency": 1, "dtype": "bf16", "kv_dtype": "bf16", "utilization": 0.9,
    }  # fmt: skip
    assert [(term["name"], term["value"], term["unit"]) for term in fit["terms"]] == [
        ("parameters", 8_030_261_248, "parameters"),
        ("weights", 16_060_522_496, "bytes"),
        ("cache_per_token", 131_072, "bytes_per_token"),
    ]
    cheapest, larger, small = fit["machines"]
    assert [machine["code"] for machine in fit["machines"]] == ["A", "B", "C"]
    assert cheapest == {
        **cheapest,
        "provider_code": "sky",
        "gpu_count": 1,
        "vram_per_gpu_gb": 24,
        "cost_per_hour": 0.75,
        "zones": ["sky-1"],
        "fits": True,
        "is_deployable": False,
        "reason": None,
        "sentence": None,
        "usable_bytes_per_gpu": 21_600_000_000,
        "max_context": 23_555,
        "max_concurrency": 2,
    }
    *parts, total = cheapest["terms"]
    assert [part["name"] for part in parts] == [
        "weights", "kv_cache", "activations", "logits", "runtime",
    ]  # fmt: skip
    assert total["value"] == sum(part["value"] for part in parts)
    assert parts[1]["formula"] == "1 sequences x (131072 bytes x 8192 tokens)"
    assert (larger["fits"], larger["is_deployable"]) == (True, True)
    assert (small["fits"], small["reason"]) == (False, "weights_too_large")
    assert small["sentence"]


@pytest.mark.parametrize(
    ("params", "fitting"),
    [
        ({"context": 23_555}, "A B"),
        ({"context": 23_556}, "B"),
        ({"concurrency": 2}, "A B"),
        ({"concurrency": 3}, "B"),
        ({"context": 40_000, "kv_dtype": "fp8"}, "A B"),
        ({"dtype": "fp32"}, "B"),
        ({"dtype": "fp32", "utilization": "0.6"}, ""),
        ({"dtype": "int4", "context": 1024, "utilization": "0.98"}, "A B"),
        ({"utilization": "0.7"}, "B"),
    ],
)
async def test_the_demand_decides_what_fits_here_as_there(
    owner: httpx.AsyncClient, llama: Model, params: Json, fitting: str
) -> None:
    known = (await owner.get(f"/models/{llama.id}/fit", params=params)).json()
    body: Json = {"context": 8192, **params, "config": LLAMA_8B.config}
    unknown = (await owner.post("/models/fit", json=body)).json()
    for fit in (known, unknown):
        assert [each["code"] for each in fit["machines"] if each["fits"]] == fitting.split()
    assert unknown["terms"] == known["terms"]


async def test_a_utilization_may_be_a_number(owner: httpx.AsyncClient, llama: Model) -> None:
    body = {"config": LLAMA_8B.config, "utilization": 0.7, "context": 1000}
    fit = (await owner.post("/models/fit", json=body)).json()
    assert fit["demand"]["utilization"] == 0.7
    assert fit["machines"][0]["usable_bytes_per_gpu"] == 16_800_000_000


async def test_gpus_that_cannot_share_a_model_are_told(
    owner: httpx.AsyncClient, memory: MemoryAdapters, llama: Model
) -> None:
    provider = a_provider()
    kind = an_instance_type(provider, code="EIGHT", gpu_count=8, vram_per_gpu_gb=80)
    await given(memory.unit_of_work(), provider, kind)
    fit = (await owner.post("/models/fit", json={"config": QWEN_7B.config})).json()
    [eight] = [each for each in fit["machines"] if each["code"] == "EIGHT"]
    assert eight["reason"] == "heads_do_not_divide"
    assert "over 1 or 2 or 4 they can" in eight["sentence"]
    assert (eight["max_context"], eight["terms"]) == (None, [])


async def test_without_an_architecture_the_deployment_rule_decides_and_says_so(
    owner: httpx.AsyncClient, memory: MemoryAdapters, llama: Model
) -> None:
    plain = a_model(required_vram_gb=48)
    await given(memory.unit_of_work(), plain)
    fit = (await owner.get(f"/models/{plain.id}/fit")).json()
    assert fit["method"] == "required_vram"
    assert fit["demand"]["dtype"] is None
    assert fit["terms"] == [
        {"name": "required_vram", "formula": "as the catalog says", "value": 48, "unit": "gb"}
    ]
    verdicts = {each["code"]: (each["fits"], each["reason"]) for each in fit["machines"]}
    refused = (False, "required_vram_too_large")
    assert verdicts == {"B": (True, None), "A": refused, "C": refused}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"context": 0}, "context"),
        ({"concurrency": 0}, "concurrency"),
        ({"utilization": "0"}, "utilization"),
        ({"utilization": "1.1"}, "utilization"),
        ({"utilization": "NaN"}, "utilization"),
        ({"utilization": "1e-1000000"}, "utilization"),
    ],
)
async def test_a_demand_that_means_nothing_is_refused(
    owner: httpx.AsyncClient, llama: Model, params: Json, field: str
) -> None:
    body = {"config": LLAMA_8B.config, **params}
    for answer in (
        await owner.get(f"/models/{llama.id}/fit", params=params),
        await owner.post("/models/fit", json=body),
    ):
        assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("params", [{"dtype": "int3"}, {"kv_dtype": "int4"}, {"context": "x"}])
async def test_a_word_that_is_none_is_refused(
    owner: httpx.AsyncClient, llama: Model, params: Json
) -> None:
    assert (await owner.get(f"/models/{llama.id}/fit", params=params)).status_code == 400
    body = {"config": LLAMA_8B.config, **params}
    assert (await owner.post("/models/fit", json=body)).status_code == 422


@pytest.mark.parametrize(
    ("config", "code", "facts"),
    [
        ({}, "config_not_understood", {"field": "hidden_size"}),
        ({"model_type": "bert"}, "family_unknown", {"family": "bert"}),
        (
            {**LLAMA_8B.config, "num_hidden_layers": "many"},
            "config_not_understood",
            {"field": "num_hidden_layers"},
        ),
    ],
)
async def test_a_config_that_is_none_is_refused_with_what_is_wrong(
    owner: httpx.AsyncClient, config: Any, code: str, facts: Json
) -> None:
    answer = await owner.post("/models/fit", json={"config": config})
    assert (answer.status_code, answer.json()["message"]) == (400, code)
    assert answer.json().items() >= facts.items()
