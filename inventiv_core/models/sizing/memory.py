"""Memory on each GPU: weights, the cache of keys and values, and what the engine needs to work.

Tensor parallelism (Megatron-LM, arXiv 1909.08053) over all GPUs of one machine is assumed, and no
pipeline. Sums are exact; what cannot be known without running the engine is a stated allowance.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from inventiv_core.models.errors import DemandInvalid
from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.sizing.formats import (
    CACHE_BYTES,
    CacheDtype,
    WeightsDtype,
    WeightsFormat,
)
from inventiv_core.models.sizing.parameters import Part, count_parameters, matrices
from inventiv_core.models.sizing.quantities import GB, GIB, Term, Unit, ceil_div

DEFAULT_UTILIZATION: Final = Decimal("0.90")
"""The part of each GPU's memory that an engine takes: vLLM's ``gpu_memory_utilization``."""

RUNTIME_BYTES: Final = GIB + GIB // 2
"""On each GPU for the driver's context, libraries, captured graphs and exchange between GPUs.

An allowance of 1.5 GiB: start-up logs of vLLM show 0.1 to 1.8 GiB (``non_torch_memory``) and some
tenths for graphs.
"""

BATCHED_TOKENS: Final = 8192
"""Tokens that an engine computes at once at most: vLLM's ``max_num_batched_tokens``."""

_LOGITS_BYTES: Final = 20
"""For each sequence and each word of the vocabulary: the score as a 32-bit number, the sorted
score and its 64-bit place, and the probability. Whole on each GPU: scores are gathered."""

_ACTIVATION_BYTES: Final = 2
LEAST_UTILIZATION: Final = Decimal("0.01")
MOST_TOKENS: Final = 1_000_000_000
MOST_SEQUENCES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is to be served at once, and how."""

    context_tokens: int
    """Prompt and answer of each sequence."""
    sequences: int = 1
    """Sequences in memory at the same time, each with a whole context."""
    weights: WeightsDtype | None = None
    """``None``: as the model was published."""
    kv_cache: CacheDtype = CacheDtype.BF16
    utilization: Decimal = DEFAULT_UTILIZATION

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not 1 <= self.context_tokens <= MOST_TOKENS:
            raise DemandInvalid(field="context", must=f"between 1 and {MOST_TOKENS} tokens")
        if not 1 <= self.sequences <= MOST_SEQUENCES:
            raise DemandInvalid(field="concurrency", must=f"between 1 and {MOST_SEQUENCES}")
        if not (self.utilization.is_finite() and LEAST_UTILIZATION <= self.utilization <= 1):
            must = f"between {LEAST_UTILIZATION} and 1"
            raise DemandInvalid(field="utilization", must=must)

    def format_of(self, model: Architecture) -> WeightsFormat:
        """Return how the weights are in memory.

        What was published in 32 bits is served in 16, as engines do unless told otherwise.
        """
        published = model.weights
        if self.weights is None:
            is_wide = published.dtype is WeightsDtype.FP32
            return WeightsFormat.usual(WeightsDtype.BF16) if is_wide else published
        return published if self.weights is published.dtype else WeightsFormat.usual(self.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """The GPUs of one machine."""

    count: int
    memory_gb: int
    """Of each, in decimal gigabytes."""

    def usable_bytes(self, utilization: Decimal) -> int:
        """Return how much of each GPU's memory an engine takes, rounded down."""
        numerator, denominator = utilization.as_integer_ratio()
        return self.memory_gb * GB * numerator // denominator


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one GPU of several must hold, split into what grows and what does not."""

    weights_bytes: int
    activations_bytes: int
    runtime_bytes: int
    logits_bytes_per_sequence: int
    cache_bytes_per_token: int
    """Of the layers that look at the whole context."""
    window_bytes_per_token: int
    """Of the layers that look at a window."""
    window_tokens: int

    @property
    def fixed_bytes(self) -> int:
        """What is needed whatever is served."""
        return self.weights_bytes + self.activations_bytes + self.runtime_bytes

    def cache_bytes(self, context_tokens: int) -> int:
        """Return the size of one sequence's keys and values.

        A layer with a window keeps no more tokens than its window (the rolling buffer of arXiv
        2310.06825, 2).
        """
        in_window = min(context_tokens, self.window_tokens)
        return self.cache_bytes_per_token * context_tokens + self.window_bytes_per_token * in_window

    def total_bytes(self, *, context_tokens: int, sequences: int) -> int:
        """Return the sum."""
        each = self.logits_bytes_per_sequence + self.cache_bytes(context_tokens)
        return self.fixed_bytes + sequences * each

    def max_sequences(self, usable_bytes: int, *, context_tokens: int) -> int:
        """Return how many sequences of this length fit together."""
        each = self.logits_bytes_per_sequence + self.cache_bytes(context_tokens)
        return max(usable_bytes - self.fixed_bytes, 0) // each

    def max_context_tokens(self, usable_bytes: int, *, sequences: int) -> int | None:
        """Return the longest context of so many sequences; ``None`` if there is no longest."""
        free = (usable_bytes - self.fixed_bytes) // sequences - self.logits_bytes_per_sequence
        if free < 0:
            return 0
        short = free // (self.cache_bytes_per_token + self.window_bytes_per_token)
        if short <= self.window_tokens or not self.window_bytes_per_token:
            return short
        if not self.cache_bytes_per_token:
            return None
        window = self.window_bytes_per_token * self.window_tokens
        return (free - window) // self.cache_bytes_per_token


def needs(model: Architecture, demand: Demand, *, gpus: int) -> Needs:
    """Return what each of so many GPUs must hold."""
    per_layer = cache_bytes_per_layer(model, demand.kv_cache, gpus=gpus)
    return Needs(
        weights_bytes=sum(weights_by_part(model, demand, gpus=gpus).values()),
        activations_bytes=BATCHED_TOKENS * _activation_width(model, gpus) * _ACTIVATION_BYTES,
        runtime_bytes=RUNTIME_BYTES,
        logits_bytes_per_sequence=model.vocabulary_size * _LOGITS_BYTES,
        cache_bytes_per_token=(model.layers - model.windowed_layers) * per_layer,
        window_bytes_per_token=model.windowed_layers * per_layer,
        window_tokens=model.window_tokens or 0,
    )


def weights_by_part(model: Architecture, demand: Demand, *, gpus: int) -> dict[Part, int]:
    """Return the bytes of weights on each of so many GPUs, by where they are.

    When somebody has said how many parameters there are, the bytes grow or shrink like the
    number of parameters.
    """
    weights = demand.format_of(model)
    sizes: dict[Part, int] = {}
    counted = 0
    for matrix in matrices(model):
        size = matrix.size_on_gpu_bytes(weights, gpus=gpus, kv_heads=model.kv_heads)
        sizes[matrix.part] = sizes.get(matrix.part, 0) + size
        counted += matrix.parameters
    told = count_parameters(model)
    if told == counted:
        return sizes
    return {part: ceil_div(size * told, counted) for part, size in sizes.items()}


def cache_bytes_per_layer(model: Architecture, dtype: CacheDtype, *, gpus: int) -> int:
    """Return what one token adds to one layer's cache on each of so many GPUs.

    A key and a value for each head that the GPU has, and with more GPUs than heads it still has
    one (GQA, arXiv 2305.13245); or, with latent attention, the compressed vector and the rotated
    part of the key, on every GPU (arXiv 2405.04434, 2.1).
    """
    if model.latent is not None:
        return (model.latent.kv_rank + model.latent.rotated_size) * CACHE_BYTES[dtype]
    heads = ceil_div(model.kv_heads, gpus)
    return 2 * heads * model.head_size * CACHE_BYTES[dtype]


def _activation_width(model: Architecture, gpus: int) -> int:
    """Return how many numbers per token exist at once, where a layer is widest.

    The token itself twice (what comes in, and what is added to it), and either the queries, keys
    and values with the attention's answer, or gate, up and their product; of experts, those of
    each that the token uses, and what each answers.
    """
    attention = 2 * model.heads * model.head_size + 2 * model.kv_heads * model.head_size
    widths = [ceil_div(attention, gpus)]
    if model.latent is not None:
        query = model.latent.plain_size + model.latent.rotated_size
        values = model.latent.plain_size + 2 * model.latent.value_size
        widths = [ceil_div(model.heads * (2 * query + values), gpus)]
    if model.dense_layers:
        widths.append(3 * ceil_div(model.intermediate_size, gpus))
    if model.experts is not None:
        each = 3 * ceil_div(model.experts.intermediate_size, gpus) + model.hidden_size
        shared = 3 * ceil_div(model.experts.shared_intermediate_size, gpus)
        widths.append(model.experts.per_token * each + shared)
    return 2 * model.hidden_size + max(widths)


def model_terms(model: Architecture, demand: Demand) -> tuple[Term, ...]:
    """Return what is true on whatever machine: parameters, weights, cache per token."""
    by_part: dict[Part, int] = {}
    for matrix in matrices(model):
        by_part[matrix.part] = by_part.get(matrix.part, 0) + matrix.parameters
    told = model.parameters
    parameters = " + ".join(f"{count} ({part})" for part, count in by_part.items())
    weights = demand.format_of(model)
    sizes = weights_by_part(model, demand, gpus=1)
    per_layer = cache_bytes_per_layer(model, demand.kv_cache, gpus=1)
    full = model.layers - model.windowed_layers
    terms = [
        Term(
            name="parameters",
            formula=parameters if told is None else "as told",
            value=count_parameters(model),
            unit=Unit.PARAMETERS,
        ),
        Term(
            name="weights",
            formula=f"{weights}: " + " + ".join(f"{size} ({part})" for part, size in sizes.items()),
            value=sum(sizes.values()),
            unit=Unit.BYTES,
        ),
        Term(
            name="cache_per_token",
            formula=f"{full} layers x {_cached(model, demand.kv_cache)}",
            value=full * per_layer,
            unit=Unit.BYTES_PER_TOKEN,
        ),
    ]
    if model.windowed_layers:
        terms.append(
            Term(
                name="cache_per_token_in_window",
                formula=f"{model.windowed_layers} layers x {_cached(model, demand.kv_cache)}"
                f", of the last {model.window_tokens} tokens",
                value=model.windowed_layers * per_layer,
                unit=Unit.BYTES_PER_TOKEN,
            )
        )
    return tuple(terms)


def _cached(model: Architecture, dtype: CacheDtype) -> str:
    size = CACHE_BYTES[dtype]
    if model.latent is not None:
        return f"({model.latent.kv_rank} + {model.latent.rotated_size}) x {size} bytes"
    return f"2 x {model.kv_heads} heads x {model.head_size} x {size} bytes"


def gpu_terms(model: Architecture, demand: Demand, needed: Needs, *, gpus: int) -> tuple[Term, ...]:
    """Return the lines that add up to what each GPU must hold; the last one is their sum."""
    context, sequences = demand.context_tokens, demand.sequences
    split = "on one GPU" if gpus == 1 else f"split over {gpus} GPUs"
    cache, per_token = needed.cache_bytes(context), needed.cache_bytes_per_token
    window = ""
    if needed.window_bytes_per_token:
        in_window = min(context, needed.window_tokens)
        window = f" + {needed.window_bytes_per_token} x {in_window} tokens in the window"
    width = needed.activations_bytes // (BATCHED_TOKENS * _ACTIVATION_BYTES)
    lines = (
        ("weights", f"{demand.format_of(model)}, {split}", needed.weights_bytes),
        (
            "kv_cache",
            f"{sequences} sequences x ({per_token} bytes x {context} tokens{window})",
            sequences * cache,
        ),
        (
            "activations",
            f"{BATCHED_TOKENS} tokens at once x {width} numbers x {_ACTIVATION_BYTES} bytes",
            needed.activations_bytes,
        ),
        (
            "logits",
            f"{sequences} sequences x {model.vocabulary_size} words x {_LOGITS_BYTES} bytes",
            sequences * needed.logits_bytes_per_sequence,
        ),
        ("runtime", "1.5 GiB allowed for context, libraries and graphs", needed.runtime_bytes),
    )
    total = needed.total_bytes(context_tokens=context, sequences=sequences)
    summed = Term(name="total", formula="the sum of these", value=total, unit=Unit.BYTES)
    return (
        *(
            Term(name=name, formula=formula, value=value, unit=Unit.BYTES)
            for name, formula, value in lines
        ),
        summed,
    )
