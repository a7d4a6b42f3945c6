"""Whether a model fits on a machine, and why not."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.sizing.formats import WeightsDtype
from inventiv_core.models.sizing.memory import Demand, Gpus
from inventiv_core.models.sizing.verdict import Reason, judge, splits_evenly
from tests.core.models.published import (
    DEEPSEEK_V3,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    MODELS,
    QWEN_7B,
    Published,
)

LLAMA = read_config(LLAMA_8B.config)
L4 = Gpus(count=1, memory_gb=24)
DEMAND = Demand(context_tokens=8192)


def test_what_fits_says_how_far_it_goes() -> None:
    verdict = judge(LLAMA, DEMAND, L4)
    assert verdict.fits
    assert verdict.sentence is None
    assert verdict.usable_bytes == 21_600_000_000
    # 21.6 GB - 16.06 of weights - 0.84 of activations - 1.61 of runtime, in tokens of 131 kB
    assert verdict.max_context_tokens == 23_555
    assert verdict.max_sequences == 2
    assert judge(LLAMA, replace(DEMAND, context_tokens=23_555), L4).fits
    assert not judge(LLAMA, replace(DEMAND, context_tokens=23_556), L4).fits
    assert not judge(LLAMA, replace(DEMAND, sequences=3), L4).fits


def test_the_models_own_limit_is_a_limit_too() -> None:
    large = Gpus(count=8, memory_gb=288)
    assert judge(LLAMA, DEMAND, large).max_context_tokens == 131_072
    unlimited = replace(LLAMA, max_context_tokens=None)
    assert (judge(unlimited, DEMAND, large).max_context_tokens or 0) > 131_072


def test_layers_that_all_have_windows_set_no_limit() -> None:
    phi = read_config(MODELS["Phi-3-mini-4k"].config)
    assert judge(phi, DEMAND, Gpus(count=1, memory_gb=80)).max_context_tokens is None


@pytest.mark.parametrize(
    ("gpus", "demand", "reason", "words"),
    [
        (Gpus(count=0, memory_gb=24), DEMAND, Reason.NO_GPU, "no GPU memory"),
        (Gpus(count=1, memory_gb=0), DEMAND, Reason.NO_GPU, "no GPU memory"),
        (Gpus(count=3, memory_gb=80), DEMAND, Reason.HEADS_DO_NOT_DIVIDE, "over 1 or 2 they can"),
        (
            Gpus(count=1, memory_gb=80),
            replace(DEMAND, context_tokens=131_073),
            Reason.CONTEXT_BEYOND_MODEL,
            "131072 tokens at most",
        ),
        (Gpus(count=1, memory_gb=16), DEMAND, Reason.WEIGHTS_TOO_LARGE, "14.4 GB can be used"),
        (
            L4,
            replace(DEMAND, context_tokens=131_072),
            Reason.CACHE_TOO_LARGE,
            "1 sequences of 131072 tokens",
        ),
    ],
)
def test_what_does_not_fit_says_why(gpus: Gpus, demand: Demand, reason: Reason, words: str) -> None:
    verdict = judge(LLAMA, demand, gpus)
    assert not verdict.fits
    assert verdict.reason is reason
    assert words in (verdict.sentence or "")


def test_how_far_it_would_go_is_said_of_what_does_not_fit() -> None:
    long = judge(LLAMA, replace(DEMAND, context_tokens=131_072), L4)
    assert (long.max_context_tokens, long.max_sequences) == (23_555, 0)
    beyond = judge(LLAMA, replace(DEMAND, context_tokens=131_073), L4)
    assert (beyond.max_context_tokens, beyond.max_sequences) == (23_555, None)
    assert judge(LLAMA, DEMAND, Gpus(count=1, memory_gb=16)).max_context_tokens == 0


@pytest.mark.parametrize(
    ("published", "possible"),
    [
        (LLAMA_8B, [1, 2, 4, 8, 16]),
        (LLAMA_70B, [1, 2, 4, 8, 16]),
        (QWEN_7B, [1, 2, 4]),  # 28 heads, 4 for keys and values
        (MIXTRAL, [1, 2, 4, 8, 16]),
        (DEEPSEEK_V3, [1, 2, 4, 8, 16]),
        (MODELS["Qwen2.5-0.5B"], [1, 2]),
        (MODELS["Phi-3-medium-4k"], [1, 2, 5, 10]),
    ],
)
def test_heads_and_networks_are_split_evenly_or_not_at_all(
    published: Published, possible: list[int]
) -> None:
    model = read_config(published.config)
    assert [gpus for gpus in range(1, 17) if splits_evenly(model, gpus)] == possible


def test_well_known_machines_hold_well_known_models() -> None:
    """As their makers say: 70B in 16 bits takes two 80 GB GPUs or more, four bits fit on one."""
    seventy = read_config(LLAMA_70B.config)
    four_bits = replace(DEMAND, weights=WeightsDtype.INT4)
    assert not judge(seventy, DEMAND, Gpus(count=1, memory_gb=80)).fits
    assert judge(seventy, DEMAND, Gpus(count=4, memory_gb=80)).fits
    assert judge(seventy, four_bits, Gpus(count=1, memory_gb=80)).fits
    assert not judge(read_config(DEEPSEEK_V3.config), DEMAND, Gpus(count=8, memory_gb=80)).fits
    assert judge(read_config(DEEPSEEK_V3.config), DEMAND, Gpus(count=8, memory_gb=141)).fits


@given(
    st.sampled_from([read_config(published.config) for published in MODELS.values()]),
    st.integers(1, 100_000),
    st.integers(1, 100),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 300),
    st.sampled_from([Decimal("0.5"), Decimal("0.9"), Decimal(1)]),
)
def test_twice_the_gpus_or_the_memory_never_fit_less(
    model: Architecture,
    context: int,
    sequences: int,
    count: int,
    memory_gb: int,
    utilization: Decimal,
) -> None:
    demand = Demand(context_tokens=context, sequences=sequences, utilization=utilization)
    assume(splits_evenly(model, 2 * count))
    less = judge(model, demand, Gpus(count=count, memory_gb=memory_gb))
    for gpus in (
        Gpus(count=2 * count, memory_gb=memory_gb),
        Gpus(count=count, memory_gb=2 * memory_gb),
    ):
        more = judge(model, demand, gpus)
        assert more.fits or not less.fits
        assert (more.max_sequences or 0) >= (less.max_sequences or 0)
