"""What a decoder is made of: as much of its config.json as decides how big it is."""

from dataclasses import dataclass

from inventiv_core.models.sizing.formats import WeightsFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Attention that caches one compressed vector for all heads (DeepSeek-V2, arXiv 2405.04434)."""

    query_rank: int | None
    """``None`` when queries are not compressed."""
    kv_rank: int
    """Width of the compressed vector that keys and values are made from."""
    plain_size: int
    """Width of a head's query and key without the rotated part."""
    rotated_size: int
    """Width of the part that carries the position; the key's is shared by all heads."""
    value_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """Feed-forward networks of which each token uses a few. All of them are in memory."""

    layers: int
    """How many layers have experts; the others have one network for all tokens."""
    count: int
    """Experts that tokens are routed to, in each of those layers."""
    per_token: int
    intermediate_size: int
    shared_intermediate_size: int
    """Of the expert that every token uses; 0 without one."""
    has_shared_gate: bool
    has_router_bias: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A decoder-only transformer."""

    family: str
    """The ``model_type`` of its config.json."""
    hidden_size: int
    layers: int
    vocabulary_size: int
    heads: int
    kv_heads: int
    """Heads whose keys and values are cached (GQA, arXiv 2305.13245)."""
    head_size: int
    intermediate_size: int
    """Of the feed-forward network that every token uses."""
    norms_per_layer: int
    has_tied_embeddings: bool
    """Whether the output uses the embeddings' weights."""
    has_qkv_bias: bool
    has_output_bias: bool
    has_mlp_bias: bool
    has_qk_norm: bool
    window_tokens: int | None
    """How far back the layers with a sliding window look; ``None`` without such layers."""
    windowed_layers: int
    latent: LatentAttention | None
    experts: Experts | None
    max_context_tokens: int | None
    """The longest context that the model knows; ``None`` when nobody has said."""
    weights: WeightsFormat
    """As they are published."""
    parameters: int | None
    """How many there are, when somebody has said; otherwise they are counted."""
    left_out: tuple[str, ...]
    """Parts that the configuration names and that are not counted, such as a vision tower."""

    @property
    def dense_layers(self) -> int:
        """Layers with one feed-forward network for all tokens."""
        return self.layers - (0 if self.experts is None else self.experts.layers)
