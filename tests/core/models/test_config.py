"""Reading config.json: what it says, what it leaves unsaid, and what cannot be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.kernel.errors import Invalid
from inventiv_core.models.errors import ConfigNotUnderstood, FamilyUnknown
from inventiv_core.models.sizing.config import FAMILIES, read_config
from inventiv_core.models.sizing.formats import WeightsDtype, WeightsFormat
from tests.core.models.published import DEEPSEEK_V3, GEMMA_2_9B, LLAMA_8B, MODELS, QWEN_7B

INT4, INT8, FP8 = WeightsDtype.INT4, WeightsDtype.INT8, WeightsDtype.FP8


def quantized(**quantization: Any) -> WeightsFormat:
    return read_config({**LLAMA_8B.config, "quantization_config": quantization}).weights


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        (
            {"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True},
            WeightsFormat(dtype=INT4, group_size=64, has_zeros=True),
        ),
        (
            {"quant_method": "gptq", "bits": 8, "group_size": -1},
            WeightsFormat(dtype=INT8, has_zeros=True),
        ),
        (
            {"quant_method": "fp8", "weight_block_size": [128, 128]},
            WeightsFormat(dtype=FP8, block_size=128),
        ),
        ({"quant_method": "fp8"}, WeightsFormat(dtype=FP8)),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            WeightsFormat(dtype=FP8),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {
                    "group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}
                },
            },
            WeightsFormat(dtype=INT4, group_size=128, has_zeros=True),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}},
            },
            WeightsFormat(dtype=INT8, has_zeros=True),
        ),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            WeightsFormat(dtype=INT4, group_size=32),
        ),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, WeightsFormat(dtype=INT8)),
    ],
)
def test_quantised_weights_are_known_by_their_method(
    quantization: dict[str, Any], expected: WeightsFormat
) -> None:
    assert quantized(**quantization) == expected


@pytest.mark.parametrize(
    ("change", "dtype"),
    [
        ({}, WeightsDtype.BF16),
        ({"torch_dtype": None}, WeightsDtype.BF16),
        ({"torch_dtype": "torch.float16"}, WeightsDtype.FP16),
        ({"torch_dtype": None, "dtype": "float32"}, WeightsDtype.FP32),
        ({"torch_dtype": "float8_e4m3fn"}, WeightsDtype.FP8),
    ],
)
def test_plain_weights_are_what_the_file_says(change: Any, dtype: WeightsDtype) -> None:
    assert read_config({**LLAMA_8B.config, **change}).weights.dtype is dtype


def windows(base: Any, **change: Any) -> tuple[int | None, int]:
    read = read_config({**base, **change})
    return read.window_tokens, read.windowed_layers


def test_windows_are_about_the_layers_that_the_family_says() -> None:
    gemma_3 = MODELS["Gemma-3-1B"].config
    mistral = MODELS["Mistral-7B-v0.2"].config
    assert windows(GEMMA_2_9B.config) == (4096, 21)
    assert windows(gemma_3) == (512, 22)
    assert windows(gemma_3, sliding_window_pattern=2) == (512, 13)
    assert windows(mistral) == (None, 0)
    assert windows(mistral, sliding_window=4096) == (4096, 32)
    assert windows(QWEN_7B.config, sliding_window=131072) == (None, 0)
    switched_on = {"sliding_window": 4096, "use_sliding_window": True}
    assert windows(QWEN_7B.config, **switched_on) == (None, 0)  # none is above the 28th layer
    assert windows(QWEN_7B.config, **switched_on, max_window_layers=21) == (4096, 7)
    assert windows(LLAMA_8B.config, sliding_window=4096) == (None, 0)


def test_a_list_of_layers_wins_over_the_pattern() -> None:
    kinds = ["sliding_attention"] * 25 + ["full_attention"]
    assert windows(MODELS["Gemma-3-1B"].config, layer_types=kinds) == (512, 25)


def test_what_is_not_counted_is_said() -> None:
    assert read_config(MODELS["Gemma-3-4B"].config).left_out == ("vision_config",)
    assert read_config(DEEPSEEK_V3.config).left_out == ("num_nextn_predict_layers",)
    assert read_config(LLAMA_8B.config).left_out == ()


def test_layers_without_experts_are_told_from_those_with() -> None:
    deepseek = read_config(DEEPSEEK_V3.config)
    assert deepseek.experts is not None
    assert (deepseek.experts.layers, deepseek.dense_layers) == (58, 3)
    qwen = MODELS["Qwen3-30B-A3B"].config
    some = read_config({**qwen, "decoder_sparse_step": 2, "mlp_only_layers": [1, 2]})
    assert some.experts is not None
    assert (some.experts.layers, some.dense_layers) == (23, 25)
    assert read_config({**qwen, "decoder_sparse_step": 100}).experts is None
    assert read_config({**DEEPSEEK_V3.config, "n_routed_experts": None}).experts is None


def test_qwen_2_has_a_shared_expert_with_a_gate() -> None:
    shared = read_config(
        {
            **QWEN_7B.config,
            "model_type": "qwen2_moe",
            "num_experts": 64,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": 2560,
            "shared_expert_intermediate_size": 20480,
        }
    ).experts
    assert shared is not None
    assert (shared.shared_intermediate_size, shared.has_shared_gate) == (20480, True)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert read_config({**LLAMA_8B.config, "hidden_size": 4096.0}).hidden_size == 4096


def test_a_model_may_be_described_by_hand_with_a_few_keys() -> None:
    by_hand = {
        key: LLAMA_8B.config[key]
        for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size")
    }
    read = read_config({**by_hand, "num_attention_heads": 32})
    assert (read.family, read.kv_heads, read.head_size) == ("llama", 32, 128)
    assert read.max_context_tokens is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": "4096"}, "hidden_size"),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": 4096.5}, "hidden_size"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"hidden_size": 10**30}, "hidden_size"),
        ({"num_hidden_layers": 10_001}, "num_hidden_layers"),
        ({"num_key_value_heads": 5}, "num_key_value_heads"),
        ({"num_attention_heads": 3, "num_key_value_heads": 1}, "head_dim"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings"),
        ({"model_type": 7}, "model_type"),
        ({"torch_dtype": "int3"}, "torch_dtype"),
        ({"text_config": 7}, "text_config"),
        ({"text_config": {"vocab_size": 7}}, "text_config.hidden_size"),
        ({"quantization_config": {}}, "quantization_config.quant_method"),
        ({"quantization_config": {"quant_method": "magic"}}, "quantization_config.quant_method"),
        ({"quantization_config": {"quant_method": "awq", "bits": 3}}, "quantization_config.bits"),
        (
            {"quantization_config": {"quant_method": "fp8", "weight_block_size": ["a"]}},
            "quantization_config.weight_block_size",
        ),
        (
            {"quantization_config": {"quant_method": "fp8", "weight_block_size": 128}},
            "quantization_config.weight_block_size",
        ),
        (
            {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {}}},
            "quantization_config.config_groups",
        ),
    ],
)
def test_what_cannot_be_is_said_by_its_name(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigNotUnderstood) as refusal:
        read_config({**LLAMA_8B.config, **change})
    assert refusal.value.field == field
    assert field in str(refusal.value)


def test_layers_of_other_kinds_are_not_understood() -> None:
    for kinds in (["linear_attention"] * 42, ["full_attention"] * 41, [1] * 10_001):
        with pytest.raises(ConfigNotUnderstood) as refusal:
            read_config({**GEMMA_2_9B.config, "layer_types": kinds})
        assert refusal.value.field == "layer_types"


def test_a_family_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(FamilyUnknown) as refusal:
        read_config({**LLAMA_8B.config, "model_type": "bert"})
    assert refusal.value.known == tuple(sorted(FAMILIES))
    assert "'bert'" in str(refusal.value)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda more: (
        st.lists(more, max_size=3) | st.dictionaries(st.text(max_size=5), more, max_size=3)
    ),
    max_leaves=5,
)


@given(
    base=st.sampled_from([published.config for published in MODELS.values()]),
    spoilt=st.dictionaries(
        st.sampled_from(
            [*DEEPSEEK_V3.config, *MODELS["Qwen3-30B-A3B"].config, "sliding_window", "layer_types"]
        ),
        junk,
        min_size=1,
        max_size=3,
    ),
)
def test_whatever_is_in_a_file_it_is_read_or_refused(base: Any, spoilt: dict[str, Any]) -> None:
    refusal: Invalid | None = None
    try:
        read_config({**base, **spoilt})
    except Invalid as error:
        refusal = error
    assert refusal is None or str(refusal)
