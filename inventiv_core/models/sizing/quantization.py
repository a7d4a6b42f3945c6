"""How a model's weights are published, as its config.json says."""

from types import MappingProxyType
from typing import Final

from inventiv_core.models.sizing.formats import WeightsDtype, WeightsFormat
from inventiv_core.models.sizing.keys import Keys

_PLAIN: Final = MappingProxyType(
    {
        "float32": WeightsDtype.FP32,
        "float16": WeightsDtype.FP16,
        "bfloat16": WeightsDtype.BF16,
        "float8_e4m3fn": WeightsDtype.FP8,
    }
)


def read_weights(whole: Keys, keys: Keys) -> WeightsFormat:
    """Return how the weights are published: quantised, or as ``torch_dtype`` says."""
    for place in (whole, keys):
        if place.has("quantization_config"):
            return _quantized(place.inside("quantization_config"))
    for place in (keys, whole):
        for key in ("torch_dtype", "dtype"):
            if place.has(key):
                name = place.text(key).removeprefix("torch.")
                if name not in _PLAIN:
                    place.refuse(key, "one of " + ", ".join(_PLAIN))
                return WeightsFormat.usual(_PLAIN[name])
    return WeightsFormat.usual(WeightsDtype.BF16)


def _quantized(keys: Keys) -> WeightsFormat:
    match keys.text("quant_method"):
        case "awq" | "gptq":
            return _in_groups(keys, bits=keys.number_or(4, "bits", "w_bit"))
        case "fp8":
            return WeightsFormat(dtype=WeightsDtype.FP8, block_size=_block(keys))
        case "compressed-tensors":
            return _compressed(keys)
        case "bitsandbytes" if keys.flag("load_in_4bit"):
            # a scale of 32 bits per 64 weights takes what one of 16 per 32 does
            return WeightsFormat(dtype=WeightsDtype.INT4, group_size=32)
        case "bitsandbytes":
            return WeightsFormat.usual(WeightsDtype.INT8)
        case _:
            known = "awq, gptq, fp8, compressed-tensors, bitsandbytes"
            return keys.refuse("quant_method", f"one of {known}")


def _block(keys: Keys) -> int | None:
    blocks = keys.items("weight_block_size")
    if not blocks:
        return None
    return Keys({"weight_block_size": blocks[0]}, keys.path).number("weight_block_size")


def _in_groups(keys: Keys, *, bits: int) -> WeightsFormat:
    dtypes = {4: WeightsDtype.INT4, 8: WeightsDtype.INT8}
    if bits not in dtypes:
        keys.refuse("bits", "4 or 8")
    group: int = keys.number_or(128, "group_size", "q_group_size", lowest=-1)
    return WeightsFormat(
        dtype=dtypes[bits],
        group_size=group if group > 0 else None,  # -1: a group is a whole row
        has_zeros=True,
    )


def _compressed(keys: Keys) -> WeightsFormat:
    """Return the format of the first group of layers: files have one, and leave the rest alone."""
    groups = keys.inside("config_groups")
    if not groups.values:
        keys.refuse("config_groups", "an object with a group")
    weights = groups.inside(next(iter(groups.values))).inside("weights")
    if weights.number("num_bits") == 8 and weights.values.get("type") == "float":  # noqa: PLR2004
        return WeightsFormat(dtype=WeightsDtype.FP8)
    groups_of = 128 if weights.has("group_size") else -1
    return _in_groups(
        Keys({"group_size": weights.values.get("group_size") or groups_of}, weights.path),
        bits=weights.number("num_bits"),
    )
