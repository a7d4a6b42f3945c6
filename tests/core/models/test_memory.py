"""Memory on each GPU: against what is published and measured, and what must hold of any sum."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inventiv_core.models.errors import DemandInvalid
from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.sizing.formats import CacheDtype, WeightsDtype
from inventiv_core.models.sizing.memory import (
    Demand,
    Gpus,
    Needs,
    gpu_terms,
    model_terms,
    needs,
    weights_by_part,
)
from inventiv_core.models.sizing.parameters import Part, count_parameters
from inventiv_core.models.sizing.quantities import GB, GIB, Unit, as_gb
from inventiv_core.models.sizing.verdict import splits_evenly
from tests.core.models.published import DEEPSEEK_V3, GEMMA_2_9B, LLAMA_8B, LLAMA_70B, MODELS

ONE = Demand(context_tokens=1)
LLAMA = read_config(LLAMA_8B.config)


def weights_bytes(model: Architecture, dtype: WeightsDtype | None = None, *, gpus: int = 1) -> int:
    demand = Demand(context_tokens=1, weights=dtype)
    return sum(weights_by_part(model, demand, gpus=gpus).values())


@pytest.mark.parametrize("name", MODELS)
def test_the_cache_grows_by_what_is_published_for_each_token(name: str) -> None:
    published = MODELS[name]
    needed = needs(read_config(published.config), ONE, gpus=1)
    grown = needed.cache_bytes(2) - needed.cache_bytes(1)
    assert grown == published.cache_bytes_per_token
    assert bool(needed.window_bytes_per_token) is published.windowed


@pytest.mark.parametrize("name", MODELS)
def test_plain_weights_are_parameters_times_their_width(name: str) -> None:
    model = read_config(MODELS[name].config)
    for dtype, size_bytes in ((WeightsDtype.BF16, 2), (WeightsDtype.FP32, 4)):
        assert weights_bytes(model, dtype) == size_bytes * MODELS[name].parameters


def test_weights_are_as_large_as_published_files() -> None:
    """As "total_size" in each model.safetensors.index.json, or the size of the files themselves."""
    assert weights_bytes(LLAMA) == 16_060_522_496
    assert weights_bytes(read_config(LLAMA_70B.config)) == 141_107_412_992
    assert weights_bytes(read_config(MODELS["Qwen2.5-72B"].config)) == 145_412_407_296
    # Llama 3.1 8B in AWQ, groups of 128: files of 5.73 GB
    assert round(weights_bytes(LLAMA, WeightsDtype.INT4) / GB, 2) == 5.73
    # DeepSeek-V3 as published, without the module for a second token: about a byte each
    assert 671 * GB < weights_bytes(read_config(DEEPSEEK_V3.config)) < 675 * GB


def test_a_start_up_log_of_an_engine_says_the_same() -> None:
    """Meta-Llama-3-8B on an H100, as vLLM printed it (its pull request 10511, December 2024).

    Of 71.29 GiB it gave 14.96 to weights, 1.26 to activations at their peak with 256 sequences,
    1.79 to what is not PyTorch's, and 53.29 to the cache.
    """
    needed = needs(LLAMA, replace(ONE, sequences=256), gpus=1)
    assert round(needed.weights_bytes / GIB, 2) == 14.96
    peak = needed.activations_bytes + 256 * needed.logits_bytes_per_sequence
    assert 1.26 < peak / GIB < 1.26 * 1.2
    cache = 71.29 * GIB - needed.weights_bytes - peak - needed.runtime_bytes
    assert cache / GIB == pytest.approx(53.29, rel=0.01)


def test_quantised_weights_bring_scales_and_zeros_and_leave_some_as_they_are() -> None:
    linear = 32 * (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 4096 * 14336)
    plain = 2 * (LLAMA_8B.parameters - linear)
    assert weights_bytes(LLAMA, WeightsDtype.INT4) == plain + linear // 2 + linear // 128 * 20 // 8
    outputs = 32 * (2 * 4096 + 2 * 1024 + 2 * 14336 + 4096)
    assert weights_bytes(LLAMA, WeightsDtype.INT8) == plain + linear + outputs * 2
    assert weights_bytes(LLAMA, WeightsDtype.FP8) == plain + linear + outputs * 4


def test_what_was_published_in_32_bits_is_served_in_16_unless_asked_for() -> None:
    wide = read_config({**LLAMA_8B.config, "torch_dtype": "float32"})
    assert weights_bytes(wide) == 2 * LLAMA_8B.parameters
    assert weights_bytes(wide, WeightsDtype.FP32) == 4 * LLAMA_8B.parameters


def test_a_published_format_keeps_its_details_when_it_is_asked_for_by_name() -> None:
    deepseek = read_config(DEEPSEEK_V3.config)
    assert weights_bytes(deepseek, WeightsDtype.FP8) == weights_bytes(deepseek)


def test_weights_follow_the_parameters_that_somebody_has_told() -> None:
    twice = replace(LLAMA, parameters=2 * LLAMA_8B.parameters)
    assert weights_bytes(twice) == 2 * weights_bytes(LLAMA)


def test_gpus_share_everything_but_norms_and_the_compressed_parts() -> None:
    norms = 2 * 65 * 4096
    each = weights_bytes(LLAMA, gpus=8)
    assert each == (weights_bytes(LLAMA) - norms) // 8 + norms
    deepseek = read_config(DEEPSEEK_V3.config)
    whole = weights_by_part(deepseek, ONE, gpus=1)[Part.ATTENTION]
    assert weights_by_part(deepseek, ONE, gpus=8)[Part.ATTENTION] > whole // 8


def test_with_more_gpus_than_heads_for_keys_each_still_has_one() -> None:
    per_token = [needs(LLAMA, ONE, gpus=gpus).cache_bytes_per_token for gpus in (1, 4, 8, 16)]
    assert per_token == [131_072, 32_768, 16_384, 16_384]
    keys = 2 * 2 * 32 * 1024 * 4096
    eight, sixteen = (weights_by_part(LLAMA, ONE, gpus=n)[Part.ATTENTION] for n in (8, 16))
    assert eight - sixteen == (weights_by_part(LLAMA, ONE, gpus=1)[Part.ATTENTION] - keys) // 16


def test_a_compressed_cache_is_whole_on_every_gpu() -> None:
    deepseek = read_config(DEEPSEEK_V3.config)
    assert needs(deepseek, ONE, gpus=8).cache_bytes_per_token == 70_272


@pytest.mark.parametrize(
    ("dtype", "size_bytes"), [("fp8", 1), ("int8", 1), ("fp16", 2), ("fp32", 4)]
)
def test_a_narrower_cache_is_smaller(dtype: str, size_bytes: int) -> None:
    demand = replace(ONE, kv_cache=CacheDtype(dtype))
    assert needs(LLAMA, demand, gpus=1).cache_bytes_per_token == 65_536 * size_bytes


def test_a_window_bounds_what_its_layers_keep() -> None:
    needed = needs(read_config(GEMMA_2_9B.config), ONE, gpus=1)
    each = 2 * 8 * 256 * 2 * 21
    assert needed.cache_bytes(4096) == 2 * each * 4096
    assert needed.cache_bytes(8192) == each * 8192 + each * 4096


def test_usable_memory_is_decimal_and_exact() -> None:
    gpus = Gpus(count=2, memory_gb=80)
    assert gpus.usable_bytes(Decimal("0.90")) == 72 * GB
    assert gpus.usable_bytes(Decimal("0.333")) == 26_640_000_000


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"context_tokens": 0}, "context"),
        ({"context_tokens": 10**10}, "context"),
        ({"sequences": 0}, "concurrency"),
        ({"sequences": 10**7}, "concurrency"),
        ({"utilization": Decimal(0)}, "utilization"),
        ({"utilization": Decimal("1.01")}, "utilization"),
        ({"utilization": Decimal("1e-1000000")}, "utilization"),
        ({"utilization": Decimal("nan")}, "utilization"),
        ({"utilization": Decimal("inf")}, "utilization"),
    ],
)
def test_a_demand_that_means_nothing_is_refused_by_its_name(change: Any, field: str) -> None:
    with pytest.raises(DemandInvalid) as refusal:
        Demand(**{"context_tokens": 1, **change})
    assert refusal.value.field == field
    assert field in str(refusal.value)


def test_amounts_for_people_are_rounded_up() -> None:
    assert as_gb(0) == "0.0 GB"
    assert as_gb(16_060_522_496) == "16.1 GB"
    assert as_gb(1) == "0.1 GB"


def test_the_terms_of_a_model_can_be_checked_by_hand() -> None:
    told = {term.name: term for term in model_terms(LLAMA, ONE)}
    parameters = told["parameters"]
    assert (parameters.value, parameters.unit) == (8_030_261_248, Unit.PARAMETERS)
    assert parameters.formula == (
        "525336576 (embeddings) + 525336576 (output) + 1342177280 (attention)"
        " + 5637144576 (feed_forward) + 266240 (norms)"
    )
    assert told["weights"].formula.startswith("bf16: 1050673152 (embeddings)")
    assert told["cache_per_token"].formula == "32 layers x 2 x 8 heads x 128 x 2 bytes"
    assert "cache_per_token_in_window" not in told
    deepseek = {term.name: term for term in model_terms(read_config(DEEPSEEK_V3.config), ONE)}
    assert deepseek["cache_per_token"].formula == "61 layers x (512 + 64) x 2 bytes"
    assert "a scale per 128 x 128 weights" in deepseek["weights"].formula
    gemma = {term.name: term for term in model_terms(read_config(GEMMA_2_9B.config), ONE)}
    assert gemma["cache_per_token_in_window"].value == 172_032
    by_hand = model_terms(replace(LLAMA, parameters=9), ONE)[0]
    assert (by_hand.value, by_hand.formula) == (9, "as told")


architectures = st.sampled_from([read_config(published.config) for published in MODELS.values()])
demands = st.builds(
    Demand,
    context_tokens=st.integers(1, 200_000),
    sequences=st.integers(1, 2_000),
    weights=st.none() | st.sampled_from(WeightsDtype),
    kv_cache=st.sampled_from(CacheDtype),
)
counts = st.sampled_from([1, 2, 4, 8, 16])


def total(model: Architecture, demand: Demand, gpus: int = 1) -> int:
    return needs(model, demand, gpus=gpus).total_bytes(
        context_tokens=demand.context_tokens, sequences=demand.sequences
    )


@given(architectures, demands, counts, st.integers(1, 100_000), st.integers(1, 1_000))
def test_more_is_never_smaller(
    model: Architecture, demand: Demand, gpus: int, tokens: int, sequences: int
) -> None:
    before = total(model, demand, gpus)
    longer = replace(demand, context_tokens=demand.context_tokens + tokens)
    more = replace(demand, sequences=demand.sequences + sequences)
    larger = replace(model, parameters=count_parameters(model) + tokens)
    assert total(model, longer, gpus) >= before
    assert total(model, more, gpus) > before
    assert total(larger, demand, gpus) >= before


@given(architectures, demands, counts, st.integers(2, 4))
def test_more_gpus_never_leave_more_for_each_to_hold(
    model: Architecture, demand: Demand, gpus: int, times: int
) -> None:
    assume(splits_evenly(model, gpus))
    assume(splits_evenly(model, gpus * times))
    assert total(model, demand, gpus * times) <= total(model, demand, gpus)


@given(architectures, demands, counts)
def test_the_terms_add_up_to_the_total(model: Architecture, demand: Demand, gpus: int) -> None:
    *parts, summed = gpu_terms(model, demand, needs(model, demand, gpus=gpus), gpus=gpus)
    assert summed.name == "total"
    assert summed.value == sum(part.value for part in parts) == total(model, demand, gpus)
    assert {part.unit for part in parts} == {Unit.BYTES}


def fits(needed: Needs, usable: int, *, context_tokens: int, sequences: int) -> bool:
    return needed.total_bytes(context_tokens=context_tokens, sequences=sequences) <= usable


@given(architectures, demands, counts, st.integers(1, 2_000))
def test_the_most_is_the_most(
    model: Architecture, demand: Demand, gpus: int, usable_gb: int
) -> None:
    needed, usable = needs(model, demand, gpus=gpus), usable_gb * GB
    context, sequences = demand.context_tokens, demand.sequences
    longest = needed.max_context_tokens(usable, sequences=sequences)
    if longest is None:
        assert fits(needed, usable, context_tokens=10**9, sequences=sequences)
    else:
        assert not fits(needed, usable, context_tokens=longest + 1, sequences=sequences)
        if longest:
            assert fits(needed, usable, context_tokens=longest, sequences=sequences)
    most = needed.max_sequences(usable, context_tokens=context)
    assert not fits(needed, usable, context_tokens=context, sequences=most + 1)
    if most:
        assert fits(needed, usable, context_tokens=context, sequences=most)
