"""Reading the config.json that Hugging Face models come with.

A key that is absent means what it means to the library that wrote the file (Transformers'
configuration classes have the defaults). The same keys serve to describe a model by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from inventiv_core.models.errors import FamilyUnknown
from inventiv_core.models.sizing.architecture import Architecture, Experts, LatentAttention
from inventiv_core.models.sizing.keys import MOST_LAYERS, Keys
from inventiv_core.models.sizing.quantization import read_weights

_NESTED: Final = ("text_config", "llm_config", "language_config")
"""Where models that also see or hear keep the part that writes."""
_LEFT_OUT: Final = ("vision_config", "audio_config")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """What a family of models has without its files saying so."""

    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    norms_per_layer: int = 2
    has_qkv_bias: bool | None = None
    """``None``: as ``attention_bias`` says, and the output has one, too."""
    has_qk_norm: bool = False
    windows: str = "all"
    """Which layers ``sliding_window`` is about: ``all``, ``even``, ``upper`` or ``pattern``."""
    experts: str | None = None
    """Whose names its experts go by."""
    is_latent: bool = False


_GEMMA: Final = {"tie_word_embeddings": True, "head_dim": 256}
_GEMMA_3: Final = _Family(
    defaults=_GEMMA
    | {
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "sliding_window_pattern": 6,
        "max_position_embeddings": 131_072,
    },
    norms_per_layer=4,
    has_qk_norm=True,
    windows="pattern",
)
_QWEN_2: Final = {"use_sliding_window": False, "max_window_layers": 28}
_DEEPSEEK: Final = _Family(has_qkv_bias=False, experts="deepseek", is_latent=True, windows="none")

FAMILIES: Final[Mapping[str, _Family]] = MappingProxyType(
    {
        "llama": _Family(windows="none"),
        "mistral": _Family(has_qkv_bias=False),
        "mixtral": _Family(has_qkv_bias=False, experts="mixtral"),
        "qwen2": _Family(defaults=_QWEN_2, has_qkv_bias=True, windows="upper"),
        "qwen2_moe": _Family(
            defaults=_QWEN_2, has_qkv_bias=True, windows="upper", experts="qwen2_moe"
        ),
        "qwen3": _Family(defaults=_QWEN_2, has_qk_norm=True, windows="upper"),
        "qwen3_moe": _Family(
            defaults=_QWEN_2, has_qk_norm=True, windows="upper", experts="qwen3_moe"
        ),
        "gemma": _Family(defaults=_GEMMA, windows="none"),
        "gemma2": _Family(defaults=_GEMMA, norms_per_layer=4, windows="even"),
        "gemma3": _GEMMA_3,
        "gemma3_text": _GEMMA_3,
        "phi3": _Family(has_qkv_bias=False),
        "deepseek_v2": _DEEPSEEK,
        "deepseek_v3": _DEEPSEEK,
        "kimi_k2": _DEEPSEEK,
    }
)


def read_config(config: Mapping[str, Any]) -> Architecture:
    """Return what a config.json describes.

    Besides the keys of such files, ``parameters`` may say how many parameters there are.

    Raises:
        FamilyUnknown: Its ``model_type`` is not one that we can count.
        ConfigNotUnderstood: A key is missing, or cannot have this value.
    """
    whole = Keys(config)
    nested = next((key for key in _NESTED if whole.has(key)), None)
    given = whole if nested is None else whole.inside(nested)
    name = given.text("model_type") if given.has("model_type") else "llama"
    if name not in FAMILIES:
        raise FamilyUnknown(family=name[:100], known=tuple(sorted(FAMILIES)))
    family = FAMILIES[name]
    keys = Keys({**family.defaults, **_present(given)}, given.path)

    hidden, layers = (
        keys.number("hidden_size"),
        keys.number("num_hidden_layers", highest=MOST_LAYERS),
    )
    heads = keys.number("num_attention_heads")
    window_tokens, windowed_layers = _windows(keys, family, layers)
    latent = _latent(keys) if family.is_latent else None
    attention_bias = keys.flag("attention_bias")
    return Architecture(
        family=name,
        hidden_size=hidden,
        layers=layers,
        vocabulary_size=keys.number("vocab_size"),
        heads=heads,
        kv_heads=_kv_heads(keys, heads),
        head_size=_head_size(keys, hidden, heads),
        intermediate_size=keys.number("intermediate_size", "moe_intermediate_size"),
        norms_per_layer=family.norms_per_layer,
        has_tied_embeddings=_is_tied(whole, keys),
        has_qkv_bias=attention_bias if family.has_qkv_bias is None else family.has_qkv_bias,
        has_output_bias=attention_bias and family.has_qkv_bias is None,
        has_mlp_bias=keys.flag("mlp_bias"),
        has_qk_norm=family.has_qk_norm,
        window_tokens=window_tokens,
        windowed_layers=windowed_layers,
        latent=latent,
        experts=_experts(keys, family, layers),
        max_context_tokens=keys.number_or(None, "max_position_embeddings"),
        weights=read_weights(whole, keys),
        parameters=whole.number_or(None, "parameters"),
        left_out=_left_out(whole, keys),
    )


def _present(keys: Keys) -> dict[str, Any]:
    return {key: value for key, value in keys.values.items() if value is not None}


def _is_tied(whole: Keys, keys: Keys) -> bool:
    """Return whether there is no output matrix. The outer file wins, as it does when loading."""
    return whole.flag("tie_word_embeddings", default=keys.flag("tie_word_embeddings"))


def _kv_heads(keys: Keys, heads: int) -> int:
    kv_heads: int = keys.number_or(heads, "num_key_value_heads")
    if heads % kv_heads:
        keys.refuse("num_key_value_heads", "a divisor of num_attention_heads")
    return kv_heads


def _head_size(keys: Keys, hidden: int, heads: int) -> int:
    size: int | None = keys.number_or(None, "head_dim")
    if size is not None:
        return size
    if hidden % heads:
        keys.refuse("head_dim", "there, where hidden_size is not heads of equal size")
    return hidden // heads


def _windows(keys: Keys, family: _Family, layers: int) -> tuple[int | None, int]:
    """Return the window, and how many layers have it.

    All layers of Mistral 7B v0.1 (arXiv 2310.06825) and Phi-3, every other one of Gemma 2 (arXiv
    2408.00118), five of six of Gemma 3 (arXiv 2503.19786), the upper ones of Qwen if switched on.
    """
    window: int | None = keys.number_or(None, "sliding_window")
    if family.windows == "none" or window is None:
        return None, 0
    if family.windows == "upper" and not keys.flag("use_sliding_window"):
        return None, 0
    kinds = keys.items("layer_types")
    if kinds:
        windowed = _counted(keys, kinds, layers)
    elif family.windows == "even":
        windowed = (layers + 1) // 2
    elif family.windows == "pattern":
        windowed = layers - layers // keys.number("sliding_window_pattern")
    elif family.windows == "upper":
        windowed = max(layers - keys.number("max_window_layers", lowest=0), 0)
    else:
        windowed = layers
    return (window, windowed) if windowed else (None, 0)


def _counted(keys: Keys, kinds: list[object], layers: int) -> int:
    if len(kinds) != layers or not set(map(str, kinds)) <= {"full_attention", "sliding_attention"}:
        keys.refuse("layer_types", "full_attention or sliding_attention for each layer")
    return kinds.count("sliding_attention")


def _latent(keys: Keys) -> LatentAttention:
    return LatentAttention(
        query_rank=keys.number_or(None, "q_lora_rank"),
        kv_rank=keys.number("kv_lora_rank"),
        plain_size=keys.number("qk_nope_head_dim"),
        rotated_size=keys.number("qk_rope_head_dim"),
        value_size=keys.number("v_head_dim"),
    )


def _experts(keys: Keys, family: _Family, layers: int) -> Experts | None:
    match family.experts:
        case "mixtral":
            return _experts_in(
                keys,
                layers,
                count=keys.number("num_local_experts"),
                size=keys.number("intermediate_size"),
            )
        case "qwen2_moe" | "qwen3_moe":
            shared = 0
            if family.experts == "qwen2_moe":
                shared = keys.number("shared_expert_intermediate_size")
            return _experts_in(
                keys,
                _sparse_layers(keys, layers),
                count=keys.number("num_experts"),
                size=keys.number("moe_intermediate_size"),
                shared=shared,
                has_shared_gate=shared > 0,
            )
        case "deepseek":
            count: int = keys.number_or(0, "n_routed_experts", lowest=0)
            if not count:
                return None
            size = keys.number("moe_intermediate_size")
            return _experts_in(
                keys,
                _layers_after_the_first(keys, layers),
                count=count,
                size=size,
                shared=size * keys.number_or(0, "n_shared_experts", lowest=0),
                has_router_bias=keys.values.get("topk_method") == "noaux_tc",
            )
        case _:
            return None


def _experts_in(
    keys: Keys,
    layers: int,
    *,
    count: int,
    size: int,
    shared: int = 0,
    has_shared_gate: bool = False,
    has_router_bias: bool = False,
) -> Experts | None:
    if not layers:
        return None
    return Experts(
        layers=layers,
        count=count,
        per_token=keys.number("num_experts_per_tok", highest=count),
        intermediate_size=size,
        shared_intermediate_size=shared,
        has_shared_gate=has_shared_gate,
        has_router_bias=has_router_bias,
    )


def _sparse_layers(keys: Keys, layers: int) -> int:
    step: int = keys.number_or(1, "decoder_sparse_step")
    dense = keys.items("mlp_only_layers")
    return sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))


def _layers_after_the_first(keys: Keys, layers: int) -> int:
    first: int = keys.number_or(0, "first_k_dense_replace", lowest=0)
    step: int = keys.number_or(1, "moe_layer_freq")
    return sum(layer >= first and layer % step == 0 for layer in range(layers))


def _left_out(whole: Keys, keys: Keys) -> tuple[str, ...]:
    parts = [key for key in _LEFT_OUT if whole.has(key)]
    if keys.number_or(0, "num_nextn_predict_layers", lowest=0):
        parts.append("num_nextn_predict_layers")  # loaded only to predict several tokens at once
    return tuple(parts)
