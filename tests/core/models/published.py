"""What is published about well-known models: facts of their config.json, and figures to check.

Parameters: the counts in the metadata of their safetensors files, as Hugging Face shows them
(DeepSeek-V3's without the module that predicts a second token, as its README_WEIGHTS says: 671B;
Gemma 3 4B's without its vision tower). Cache per token: the table of "Insights into DeepSeek-V3"
(arXiv 2505.09343, table 1) for DeepSeek-V3, Qwen2.5-72B and Llama-3.1-405B; for the others, the
product that "Efficient Memory Management for LLM Serving" (arXiv 2309.06180, 3) describes, with
the layers, heads and sizes of the model's own report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """A model, how many parameters it has, and the bytes of its 16-bit cache for each token."""

    config: Mapping[str, Any]
    parameters: int
    cache_bytes_per_token: int
    windowed: bool = False
    """Whether some layers keep only the tokens of a window."""


def config(
    family: str, hidden: int, inner: int, layers: int, heads: int, kv: int, words: int, **more: Any
) -> dict[str, Any]:
    return {
        "model_type": family,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": words,
        **more,
    }


EIGHT = {"num_local_experts": 8, "num_experts_per_tok": 2}
TIED = {"tie_word_embeddings": True}
DEEPSEEK = {
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "kv_lora_rank": 512,
    "moe_layer_freq": 1,
}

LLAMA_8B = Published(
    config(
        "llama", 4096, 14336, 32, 32, 8, 128256,
        torch_dtype="bfloat16", tie_word_embeddings=False, max_position_embeddings=131072,
    ),
    8_030_261_248,
    131_072,
)  # fmt: skip
"""Llama 3, 3.1: arXiv 2407.21783, table 3."""

LLAMA_70B = Published(config("llama", 8192, 28672, 80, 64, 8, 128256), 70_553_706_496, 327_680)

QWEN_7B = Published(config("qwen2", 3584, 18944, 28, 28, 4, 152064), 7_615_616_512, 57_344)
"""arXiv 2412.15115, table 1."""

MIXTRAL = Published(
    config("mixtral", 4096, 14336, 32, 32, 8, 32000, **EIGHT), 46_702_792_704, 131_072
)
"""arXiv 2401.04088, table 1."""

GEMMA_2_9B = Published(
    config("gemma2", 3584, 14336, 42, 16, 8, 256000, head_dim=256, sliding_window=4096),
    9_241_705_984,
    344_064,
    windowed=True,
)
"""arXiv 2408.00118, table 1."""

DEEPSEEK_V3 = Published(
    config(
        "deepseek_v3", 7168, 18432, 61, 128, 128, 129280,
        moe_intermediate_size=2048, n_routed_experts=256, n_shared_experts=1,
        first_k_dense_replace=3, num_experts_per_tok=8, topk_method="noaux_tc", q_lora_rank=1536,
        num_nextn_predict_layers=1, max_position_embeddings=163840,
        quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]}, **DEEPSEEK,
    ),
    671_026_419_200,
    70_272,
)  # fmt: skip
"""arXiv 2412.19437, 4.2."""

MODELS: Mapping[str, Published] = {
    "Llama-3.1-8B": LLAMA_8B,
    "Llama-3.1-70B": LLAMA_70B,
    "Llama-3.1-405B": Published(
        config("llama", 16384, 53248, 126, 128, 8, 128256), 405_853_388_800, 516_096
    ),
    "Llama-3.2-1B": Published(
        config("llama", 2048, 8192, 16, 32, 8, 128256, head_dim=64, **TIED), 1_235_814_400, 32_768
    ),
    "Mistral-7B-v0.2": Published(
        config("mistral", 4096, 14336, 32, 32, 8, 32000, sliding_window=None),
        7_241_732_096,
        131_072,
    ),
    "Mixtral-8x7B": MIXTRAL,
    "Mixtral-8x22B-Instruct": Published(
        config("mixtral", 6144, 16384, 56, 48, 8, 32768, **EIGHT), 140_630_071_296, 229_376
    ),
    "Qwen2.5-0.5B": Published(
        config("qwen2", 896, 4864, 24, 14, 2, 151936, **TIED), 494_032_768, 12_288
    ),
    "Qwen2.5-7B": QWEN_7B,
    "Qwen2.5-14B": Published(
        config("qwen2", 5120, 13824, 48, 40, 8, 152064), 14_770_033_664, 196_608
    ),
    "Qwen2.5-32B": Published(
        config("qwen2", 5120, 27648, 64, 40, 8, 152064), 32_763_876_352, 262_144
    ),
    "Qwen2.5-72B": Published(
        config("qwen2", 8192, 29568, 80, 64, 8, 152064), 72_706_203_648, 327_680
    ),
    "Qwen3-0.6B": Published(
        config("qwen3", 1024, 3072, 28, 16, 8, 151936, head_dim=128, **TIED), 596_049_920, 114_688
    ),
    "Qwen3-8B": Published(
        config("qwen3", 4096, 12288, 36, 32, 8, 151936, head_dim=128), 8_190_735_360, 147_456
    ),
    "Qwen3-30B-A3B": Published(
        config(
            "qwen3_moe", 2048, 6144, 48, 32, 4, 151936, head_dim=128, num_experts=128,
            num_experts_per_tok=8, moe_intermediate_size=768, decoder_sparse_step=1,
            mlp_only_layers=[],
        ),
        30_532_122_624,
        98_304,
    ),
    "Qwen1.5-MoE-A2.7B": Published(
        config(
            "qwen2_moe", 2048, 5632, 24, 16, 16, 151936, moe_intermediate_size=1408,
            shared_expert_intermediate_size=5632, num_experts=60, num_experts_per_tok=4,
        ),
        14_315_784_192,
        196_608,
    ),
    "Gemma-2-9B": GEMMA_2_9B,
    "Gemma-2-27B": Published(
        config("gemma2", 4608, 36864, 46, 32, 16, 256000, head_dim=128, sliding_window=4096),
        27_227_128_320,
        376_832,
        windowed=True,
    ),
    "Gemma-3-1B": Published(
        config("gemma3_text", 1152, 6912, 26, 4, 1, 262144, head_dim=256, sliding_window=512),
        999_885_952,
        26_624,
        windowed=True,
    ),
    "Gemma-3-4B": Published(
        {
            "model_type": "gemma3",
            "vision_config": {"hidden_size": 1152},
            "text_config": {
                "model_type": "gemma3_text",
                "hidden_size": 2560,
                "intermediate_size": 10240,
                "num_hidden_layers": 34,
                "sliding_window": 1024,
            },
        },
        3_880_263_168,
        139_264,
        windowed=True,
    ),
    "Phi-3-mini-4k": Published(
        config("phi3", 3072, 8192, 32, 32, 32, 32064, sliding_window=2047),
        3_821_079_552,
        393_216,
        windowed=True,
    ),
    "Phi-3-medium-4k": Published(
        config("phi3", 5120, 17920, 40, 40, 10, 32064, sliding_window=2047),
        13_960_238_080,
        204_800,
        windowed=True,
    ),
    "DeepSeek-V2-Lite": Published(
        config(
            "deepseek_v2", 2048, 10944, 27, 16, 16, 102400, moe_intermediate_size=1408,
            n_routed_experts=64, n_shared_experts=2, first_k_dense_replace=1,
            num_experts_per_tok=6, topk_method="greedy", q_lora_rank=None, **DEEPSEEK,
        ),
        15_706_484_224,
        31_104,
    ),
    "DeepSeek-V3": DEEPSEEK_V3,
}  # fmt: skip
