"""Reading the config.json that Hugging Face models come with.

A key that is absent means what it means to the library that wrote the file (Transformers'
configuration classes have the defaults). The same keys serve to describe a model by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, cast

from inventiv_core.models.errors import ConfigNotUnderstood, FamilyUnknown
from inventiv_core.models.sizing.architecture import Architecture, Experts, LatentAttention
from inventiv_core.models.sizing.formats import WeightsDtype, WeightsFormat

MOST: Final = 1_000_000_000_000_000
"""No number in a file is greater: a thousand times the parameters of the largest model."""
MOST_LAYERS: Final = 10_000

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


@dataclass(frozen=True, slots=True)
class _Keys:
    """A config.json, read key by key; whatever is wrong is said with the key's name."""

    values: Mapping[str, Any]
    path: str = ""

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def wrong(self, key: str, must: str) -> ConfigNotUnderstood:
        return ConfigNotUnderstood(field=f"{self.path}{key}", must=must)

    def number(self, *keys: str, lowest: int = 1, highest: int = MOST) -> int:
        """Return the first of these keys that is there."""
        for key in keys:
            value = self.values.get(key)
            if value is None:
                continue
            if isinstance(value, float) and value.is_integer():  # some tools write 4096.0
                value = int(value)
            if not isinstance(value, int) or isinstance(value, bool):
                raise self.wrong(key, "a whole number")
            if not lowest <= value <= highest:
                raise self.wrong(key, f"between {lowest} and {highest}")
            return value
        raise self.wrong(keys[0], "there: it is a whole number")

    def number_or(self, default: int | None, *keys: str, lowest: int = 1) -> Any:
        if not any(self.has(key) for key in keys):
            return default
        return self.number(*keys, lowest=lowest)

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.wrong(key, "text")
        return value

    def items(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(cast("list[Any]", value)) > MOST_LAYERS:
            raise self.wrong(key, "a list, of an entry for each layer at most")
        return cast("list[Any]", value)

    def inside(self, key: str) -> "_Keys":
        value = self.values.get(key)
        if not isinstance(value, Mapping):
            raise self.wrong(key, "an object")
        return _Keys(cast("Mapping[str, Any]", value), f"{self.path}{key}.")


def read_config(config: Mapping[str, Any]) -> Architecture:
    """Return what a config.json describes.

    Besides the keys of such files, ``parameters`` may say how many parameters there are.

    Raises:
        FamilyUnknown: Its ``model_type`` is not one that we can count.
        ConfigNotUnderstood: A key is missing, or cannot have this value.
    """
    whole = _Keys(config)
    nested = next((key for key in _NESTED if whole.has(key)), None)
    given = whole if nested is None else whole.inside(nested)
    name = given.text("model_type") if given.has("model_type") else "llama"
    if name not in FAMILIES:
        raise FamilyUnknown(family=name[:100], known=sorted(FAMILIES))
    family = FAMILIES[name]
    keys = _Keys({**family.defaults, **_present(given)}, given.path)

    hidden, layers = keys.number("hidden_size"), keys.number("num_hidden_layers", highest=MOST_LAYERS)
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
        weights=_weights(whole, keys),
        parameters=whole.number_or(None, "parameters"),
        left_out=_left_out(whole, keys),
    )


def _present(keys: _Keys) -> dict[str, Any]:
    return {key: value for key, value in keys.values.items() if value is not None}


def _is_tied(whole: _Keys, keys: _Keys) -> bool:
    """Return whether there is no output matrix. The outer file wins, as it does when loading."""
    return whole.flag("tie_word_embeddings", default=keys.flag("tie_word_embeddings"))


def _kv_heads(keys: _Keys, heads: int) -> int:
    kv_heads: int = keys.number_or(heads, "num_key_value_heads")
    if heads % kv_heads:
        raise keys.wrong("num_key_value_heads", "a divisor of num_attention_heads")
    return kv_heads


def _head_size(keys: _Keys, hidden: int, heads: int) -> int:
    size: int | None = keys.number_or(None, "head_dim")
    if size is not None:
        return size
    if hidden % heads:
        raise keys.wrong("head_dim", "there, where hidden_size is not heads of equal size")
    return hidden // heads


def _windows(keys: _Keys, family: _Family, layers: int) -> tuple[int | None, int]:
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


def _counted(keys: _Keys, kinds: list[Any], layers: int) -> int:
    if len(kinds) != layers or not set(map(str, kinds)) <= {"full_attention", "sliding_attention"}:
        raise keys.wrong("layer_types", "full_attention or sliding_attention for each layer")
    return kinds.count("sliding_attention")


def _latent(keys: _Keys) -> LatentAttention:
    return LatentAttention(
        query_rank=keys.number_or(None, "q_lora_rank"),
        kv_rank=keys.number("kv_lora_rank"),
        plain_size=keys.number("qk_nope_head_dim"),
        rotated_size=keys.number("qk_rope_head_dim"),
        value_size=keys.number("v_head_dim"),
    )


def _experts(keys: _Keys, family: _Family, layers: int) -> Experts | None:
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
    keys: _Keys,
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


def _sparse_layers(keys: _Keys, layers: int) -> int:
    step: int = keys.number_or(1, "decoder_sparse_step")
    dense = keys.items("mlp_only_layers")
    return sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))


def _layers_after_the_first(keys: _Keys, layers: int) -> int:
    first: int = keys.number_or(0, "first_k_dense_replace", lowest=0)
    step: int = keys.number_or(1, "moe_layer_freq")
    return sum(layer >= first and layer % step == 0 for layer in range(layers))


def _left_out(whole: _Keys, keys: _Keys) -> tuple[str, ...]:
    parts = [key for key in _LEFT_OUT if whole.has(key)]
    if keys.number_or(0, "num_nextn_predict_layers", lowest=0):
        parts.append("num_nextn_predict_layers")  # loaded only to predict several tokens at once
    return tuple(parts)


_PLAIN: Final = MappingProxyType(
    {
        "float32": WeightsDtype.FP32,
        "float16": WeightsDtype.FP16,
        "bfloat16": WeightsDtype.BF16,
        "float8_e4m3fn": WeightsDtype.FP8,
    }
)


def _weights(whole: _Keys, keys: _Keys) -> WeightsFormat:
    for place in (whole, keys):
        if place.has("quantization_config"):
            return _quantized(place.inside("quantization_config"))
    for place in (keys, whole):
        for key in ("torch_dtype", "dtype"):
            if place.has(key):
                name = place.text(key).removeprefix("torch.")
                if name not in _PLAIN:
                    raise place.wrong(key, "one of " + ", ".join(_PLAIN))
                return WeightsFormat.usual(_PLAIN[name])
    return WeightsFormat.usual(WeightsDtype.BF16)


def _quantized(keys: _Keys) -> WeightsFormat:
    method = keys.text("quant_method")
    if method in {"awq", "gptq"}:
        return _in_groups(keys, bits=keys.number_or(4, "bits", "w_bit"))
    if method == "fp8":
        blocks = keys.items("weight_block_size")
        block = blocks[0] if blocks else None
        if block is not None and (not isinstance(block, int) or block < 1):
            raise keys.wrong("weight_block_size", "two whole numbers")
        return WeightsFormat(dtype=WeightsDtype.FP8, block_size=block)
    if method == "compressed-tensors":
        return _compressed(keys)
    if method == "bitsandbytes":  # 4 bits: a 32-bit scale per 64 weights is two of 16 per 64
        if keys.flag("load_in_4bit"):
            return WeightsFormat(dtype=WeightsDtype.INT4, group_size=32)
        return WeightsFormat.usual(WeightsDtype.INT8)
    raise keys.wrong(
        "quant_method", "one of awq, gptq, fp8, compressed-tensors, bitsandbytes"
    )


def _in_groups(keys: _Keys, *, bits: int) -> WeightsFormat:
    dtypes = {4: WeightsDtype.INT4, 8: WeightsDtype.INT8}
    if bits not in dtypes:
        raise keys.wrong("bits", "4 or 8")
    group: int = keys.number_or(128, "group_size", "q_group_size", lowest=-1)
    return WeightsFormat(
        dtype=dtypes[bits],
        group_size=group if group > 0 else None,  # -1: a group is a whole row
        has_zeros=True,
    )


def _compressed(keys: _Keys) -> WeightsFormat:
    """Return the format of the first group of layers: files have one, and leave the rest alone."""
    groups = keys.inside("config_groups")
    if not groups.values:
        raise keys.wrong("config_groups", "an object with a group")
    weights = groups.inside(next(iter(groups.values))).inside("weights")
    if weights.number("num_bits") == 8 and weights.values.get("type") == "float":  # noqa: PLR2004
        return WeightsFormat(dtype=WeightsDtype.FP8)
    groups_of = 128 if weights.has("group_size") else -1
    return _in_groups(
        _Keys({"group_size": weights.values.get("group_size") or groups_of}, weights.path),
        bits=weights.number("num_bits"),
    )
