"""How many bytes numbers take: weights, whole or quantised, and cached keys and values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from inventiv_core.models.sizing.quantities import ceil_div


class WeightsDtype(StrEnum):
    """What one weight of a linear layer is stored as."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"
    """As AWQ and GPTQ store it: with a scale and a zero for each group of weights."""


class CacheDtype(StrEnum):
    """What one number of the cache of keys and values is stored as."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"


BITS: Final[Mapping[WeightsDtype, int]] = MappingProxyType(
    {
        WeightsDtype.FP32: 32,
        WeightsDtype.BF16: 16,
        WeightsDtype.FP16: 16,
        WeightsDtype.FP8: 8,
        WeightsDtype.INT8: 8,
        WeightsDtype.INT4: 4,
    }
)

CACHE_BYTES: Final[Mapping[CacheDtype, int]] = MappingProxyType(
    {
        CacheDtype.FP32: 4,
        CacheDtype.BF16: 2,
        CacheDtype.FP16: 2,
        CacheDtype.FP8: 1,
        CacheDtype.INT8: 1,
    }
)

UNQUANTIZED_BITS: Final = 16
"""Of what a quantised model does not quantise: embeddings, the output, norms, biases, routers."""

DEFAULT_GROUP: Final = 128
"""Weights that share a scale in AWQ and GPTQ, unless a model says otherwise."""

_BYTE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFormat:
    """How the weights of linear layers are stored.

    What shares a scale depends on the method: a group of weights along a row (AWQ, arXiv
    2306.00978; GPTQ, arXiv 2210.17323), a square block (DeepSeek-V3, arXiv 2412.19437, 3.3.2),
    or, without either, a whole row, which is one output.
    """

    dtype: WeightsDtype
    group_size: int | None = None
    block_size: int | None = None
    has_zeros: bool = False
    """Whether what shares a scale also shares a zero, as wide as a weight."""

    @classmethod
    def usual(cls, dtype: WeightsDtype) -> Self:
        """Return the most usual format with such weights."""
        if dtype is WeightsDtype.INT4:
            return cls(dtype=dtype, group_size=DEFAULT_GROUP, has_zeros=True)
        return cls(dtype=dtype)

    @property
    def is_quantized(self) -> bool:
        """Whether weights are stored as less than they are computed with."""
        return BITS[self.dtype] < UNQUANTIZED_BITS

    @property
    def plain_bits(self) -> int:
        """Bits of each number that is never quantised."""
        return UNQUANTIZED_BITS if self.is_quantized else BITS[self.dtype]

    def bytes_of(self, *, outputs: int, inputs: int) -> int:
        """Return the size of one linear layer's weights, with their scales and zeros."""
        bits = outputs * inputs * BITS[self.dtype]
        if self.is_quantized:
            scale_bits = 32 if self.dtype is WeightsDtype.FP8 else 16
            zero_bits = BITS[self.dtype] if self.has_zeros else 0
            bits += self._scales(outputs, inputs) * (scale_bits + zero_bits)
        return ceil_div(bits, _BYTE)

    def _scales(self, outputs: int, inputs: int) -> int:
        if self.block_size is not None:
            return ceil_div(outputs, self.block_size) * ceil_div(inputs, self.block_size)
        if self.group_size is not None:
            return outputs * ceil_div(inputs, self.group_size)
        return outputs

    def __str__(self) -> str:
        if not self.is_quantized:
            return self.dtype
        if self.block_size is not None:
            return f"{self.dtype}, a scale per {self.block_size} x {self.block_size} weights"
        if self.group_size is not None:
            shared = "a scale and a zero" if self.has_zeros else "a scale"
            return f"{self.dtype}, {shared} per {self.group_size} weights"
        return f"{self.dtype}, a scale per output"
