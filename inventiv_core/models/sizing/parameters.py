"""Counting parameters, matrix by matrix."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from inventiv_core.models.sizing.architecture import Architecture, Experts, LatentAttention
from inventiv_core.models.sizing.formats import WeightsFormat
from inventiv_core.models.sizing.quantities import ceil_div

_BYTE = 8


class Part(StrEnum):
    """Where parameters are."""

    EMBEDDINGS = "embeddings"
    ATTENTION = "attention"
    FEED_FORWARD = "feed_forward"
    EXPERTS = "experts"
    NORMS = "norms"
    OUTPUT = "output"


class Share(Enum):
    """How the GPUs of a machine share a matrix under tensor parallelism (arXiv 1909.08053)."""

    SPLIT = auto()
    """Each has an equal part."""
    KV_HEADS = auto()
    """Each has the heads it needs; with more GPUs than heads, several have the same head."""
    WHOLE = auto()
    """Each has all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A number of matrices of the same shape; a vector has one input."""

    part: Part
    outputs: int
    inputs: int
    count: int
    share: Share = Share.SPLIT
    is_linear: bool = True
    """Whether it is the weights of a linear layer, which is what can be quantised."""

    @property
    def parameters(self) -> int:
        """How many parameters they have together."""
        return self.outputs * self.inputs * self.count

    def size_bytes(self, weights: WeightsFormat) -> int:
        """How much memory they take together."""
        if self.is_linear:
            return weights.bytes_of(outputs=self.outputs, inputs=self.inputs) * self.count
        return self.parameters * weights.plain_bits // _BYTE

    def size_on_gpu_bytes(self, weights: WeightsFormat, *, gpus: int, kv_heads: int) -> int:
        """How much memory they take on each of so many GPUs."""
        parts = {Share.SPLIT: gpus, Share.KV_HEADS: min(gpus, kv_heads), Share.WHOLE: 1}
        return ceil_div(self.size_bytes(weights), parts[self.share])


def matrices(model: Architecture) -> Iterator[Matrix]:
    """Yield everything that is learnt."""
    embeddings = Matrix(
        part=Part.EMBEDDINGS,
        outputs=model.vocabulary_size,
        inputs=model.hidden_size,
        count=1,
        is_linear=False,
    )
    yield embeddings
    if not model.has_tied_embeddings:
        yield Matrix(
            part=Part.OUTPUT,
            outputs=embeddings.outputs,
            inputs=embeddings.inputs,
            count=1,
            is_linear=False,
        )
    if model.latent is None:
        yield from _attention(model)
    else:
        yield from _latent_attention(model, model.latent)
    if model.dense_layers:
        yield from _feed_forward(model)
    if model.experts is not None:
        yield from _experts(model, model.experts)
    norms = model.norms_per_layer * model.layers + 1
    yield _vectors(Part.NORMS, model.hidden_size, norms)


def count_parameters(model: Architecture) -> int:
    """Return how many parameters the model has: as somebody has said or, else, as counted."""
    if model.parameters is not None:
        return model.parameters
    return sum(matrix.parameters for matrix in matrices(model))


def _vectors(part: Part, size: int, count: int, share: Share = Share.WHOLE) -> Matrix:
    return Matrix(part=part, outputs=size, inputs=1, count=count, share=share, is_linear=False)


def _linear(
    part: Part, *, outputs: int, inputs: int, count: int, share: Share = Share.SPLIT
) -> Matrix:
    return Matrix(part=part, outputs=outputs, inputs=inputs, count=count, share=share)


def _attention(model: Architecture) -> Iterator[Matrix]:
    """Queries, keys, values and the way back (arXiv 1706.03762, with fewer heads for keys)."""
    part, hidden, layers = Part.ATTENTION, model.hidden_size, model.layers
    queries, keys = model.heads * model.head_size, model.kv_heads * model.head_size
    yield _linear(part, outputs=queries, inputs=hidden, count=layers)
    yield _linear(part, outputs=keys, inputs=hidden, count=2 * layers, share=Share.KV_HEADS)
    yield _linear(part, outputs=hidden, inputs=queries, count=layers)
    if model.has_qkv_bias:
        yield _vectors(part, queries, layers, Share.SPLIT)
        yield _vectors(part, keys, 2 * layers, Share.KV_HEADS)
    if model.has_output_bias:
        yield _vectors(part, hidden, layers)
    if model.has_qk_norm:
        yield _vectors(part, model.head_size, 2 * layers)


def _latent_attention(model: Architecture, latent: LatentAttention) -> Iterator[Matrix]:
    """Down to the compressed vectors, which every GPU has whole, and up to the heads."""
    part, hidden, layers = Part.ATTENTION, model.hidden_size, model.layers
    queries = model.heads * (latent.plain_size + latent.rotated_size)
    if latent.query_rank is None:
        yield _linear(part, outputs=queries, inputs=hidden, count=layers)
    else:
        yield _linear(
            part, outputs=latent.query_rank, inputs=hidden, count=layers, share=Share.WHOLE
        )
        yield _vectors(part, latent.query_rank, layers)
        yield _linear(part, outputs=queries, inputs=latent.query_rank, count=layers)
    compressed = latent.kv_rank + latent.rotated_size
    yield _linear(part, outputs=compressed, inputs=hidden, count=layers, share=Share.WHOLE)
    yield _vectors(part, latent.kv_rank, layers)
    expanded = model.heads * (latent.plain_size + latent.value_size)
    yield _linear(part, outputs=expanded, inputs=latent.kv_rank, count=layers)
    yield _linear(part, outputs=hidden, inputs=model.heads * latent.value_size, count=layers)


def _feed_forward(model: Architecture) -> Iterator[Matrix]:
    """Gate, up and down (SwiGLU, arXiv 2002.05202)."""
    part, layers = Part.FEED_FORWARD, model.dense_layers
    yield from _network(model.hidden_size, model.intermediate_size, part, layers)
    if model.has_mlp_bias:
        yield _vectors(part, model.intermediate_size, 2 * layers, Share.SPLIT)
        yield _vectors(part, model.hidden_size, layers)


def _network(hidden: int, intermediate: int, part: Part, count: int) -> Iterator[Matrix]:
    yield _linear(part, outputs=intermediate, inputs=hidden, count=2 * count)
    yield _linear(part, outputs=hidden, inputs=intermediate, count=count)


def _experts(model: Architecture, experts: Experts) -> Iterator[Matrix]:
    """All experts, the shared one, and the router, which is never split nor quantised."""
    part, hidden, layers = Part.EXPERTS, model.hidden_size, experts.layers
    yield from _network(hidden, experts.intermediate_size, part, experts.count * layers)
    if experts.shared_intermediate_size:
        yield from _network(hidden, experts.shared_intermediate_size, part, layers)
    if experts.has_shared_gate:
        yield _vectors(part, hidden, layers)
    yield _vectors(part, hidden * experts.count, layers)
    if experts.has_router_bias:
        yield _vectors(part, experts.count, layers)
