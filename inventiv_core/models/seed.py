"""Well-known models, and what their config.json says that decides how big they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class SeededModel:
    """A model to start with."""

    model_id: str
    name: str
    required_vram_gb: int
    context_length: int
    data_volume_gb: int
    config: Mapping[str, Any] | None
    """As of its config.json, without what does not matter here."""


def _config(
    family: str,
    hidden: int,
    intermediate: int,
    layers: int,
    heads: tuple[int, int],
    vocabulary: int,
    context_tokens: int,
    **more: Any,
) -> Mapping[str, Any]:
    return MappingProxyType(
        {
            "model_type": family,
            "hidden_size": hidden,
            "intermediate_size": intermediate,
            "num_hidden_layers": layers,
            "num_attention_heads": heads[0],
            "num_key_value_heads": heads[1],
            "vocab_size": vocabulary,
            "max_position_embeddings": context_tokens,
            "torch_dtype": "bfloat16",
            **more,
        }
    )


_EIGHT_EXPERTS: Final = {"num_local_experts": 8, "num_experts_per_tok": 2}

MODELS: Final = (
    SeededModel(
        "meta-llama/Meta-Llama-3-8B-Instruct", "Meta Llama 3 8B Instruct", 16, 8192, 200,
        _config("llama", 4096, 14336, 32, (32, 8), 128256, 8192),
    ),
    SeededModel(
        "meta-llama/Meta-Llama-3-70B-Instruct", "Meta Llama 3 70B Instruct", 160, 8192, 1000,
        _config("llama", 8192, 28672, 80, (64, 8), 128256, 8192),
    ),
    SeededModel(
        "meta-llama/Llama-3.1-8B-Instruct", "Llama 3.1 8B Instruct", 16, 131072, 200,
        _config("llama", 4096, 14336, 32, (32, 8), 128256, 131072),
    ),
    SeededModel(
        "meta-llama/Llama-3.1-70B-Instruct", "Llama 3.1 70B Instruct", 160, 131072, 1200,
        _config("llama", 8192, 28672, 80, (64, 8), 128256, 131072),
    ),
    SeededModel(
        "mistralai/Mistral-7B-Instruct-v0.2", "Mistral 7B Instruct v0.2", 16, 32768, 200,
        _config("mistral", 4096, 14336, 32, (32, 8), 32000, 32768),
    ),
    SeededModel(
        "mistralai/Mixtral-8x7B-Instruct-v0.1", "Mixtral 8x7B Instruct", 48, 32768, 400,
        _config("mixtral", 4096, 14336, 32, (32, 8), 32000, 32768, **_EIGHT_EXPERTS),
    ),
    SeededModel(
        "mistralai/Mixtral-8x22B-Instruct-v0.1", "Mixtral 8x22B Instruct", 96, 65536, 800,
        _config("mixtral", 6144, 16384, 56, (48, 8), 32768, 65536, **_EIGHT_EXPERTS),
    ),
    SeededModel("mock-echo-model", "Mock Echo Model", 0, 2048, 0, None),
    SeededModel(
        "Qwen/Qwen2.5-0.5B-Instruct", "Qwen 2.5 0.5B Instruct", 2, 2048, 50,
        _config("qwen2", 896, 4864, 24, (14, 2), 151936, 32768, tie_word_embeddings=True),
    ),
    SeededModel(
        "Qwen/Qwen2.5-7B-Instruct", "Qwen 2.5 7B Instruct", 16, 32768, 200,
        _config("qwen2", 3584, 18944, 28, (28, 4), 152064, 32768),
    ),
    SeededModel(
        "Qwen/Qwen2.5-14B-Instruct", "Qwen 2.5 14B Instruct", 28, 32768, 300,
        _config("qwen2", 5120, 13824, 48, (40, 8), 152064, 32768),
    ),
    SeededModel(
        "Qwen/Qwen2.5-32B-Instruct", "Qwen 2.5 32B Instruct", 64, 32768, 500,
        _config("qwen2", 5120, 27648, 64, (40, 8), 152064, 32768),
    ),
    SeededModel(
        "Qwen/Qwen2.5-72B-Instruct", "Qwen 2.5 72B Instruct", 160, 32768, 1200,
        _config("qwen2", 8192, 29568, 80, (64, 8), 152064, 32768),
    ),
    SeededModel(
        "google/gemma-2-9b-it", "Gemma 2 9B IT", 20, 8192, 200,
        _config("gemma2", 3584, 14336, 42, (16, 8), 256000, 8192, sliding_window=4096),
    ),
    SeededModel(
        "google/gemma-2-27b-it", "Gemma 2 27B IT", 48, 8192, 500,
        _config(
            "gemma2", 4608, 36864, 46, (32, 16), 256000, 8192, sliding_window=4096, head_dim=128
        ),
    ),
    SeededModel(
        "microsoft/Phi-3-mini-4k-instruct", "Phi-3 Mini 4K Instruct", 8, 4096, 80,
        _config("phi3", 3072, 8192, 32, (32, 32), 32064, 4096, sliding_window=2047),
    ),
    SeededModel(
        "microsoft/Phi-3-medium-4k-instruct", "Phi-3 Medium 4K Instruct", 28, 4096, 200,
        _config("phi3", 5120, 17920, 40, (40, 10), 32064, 4096, sliding_window=2047),
    ),
)  # fmt: skip
