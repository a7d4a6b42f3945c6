"""Whether a model can be served on one machine, and why not."""

from dataclasses import dataclass
from enum import StrEnum

from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.sizing.memory import Demand, Gpus, gpu_terms, needs
from inventiv_core.models.sizing.quantities import Term, as_gb


class Reason(StrEnum):
    """Why a model does not fit on a machine."""

    NO_GPU = "no_gpu"
    SIMULATED = "simulated"
    CONTEXT_BEYOND_MODEL = "context_beyond_model"
    HEADS_DO_NOT_DIVIDE = "heads_do_not_divide"
    WEIGHTS_TOO_LARGE = "weights_too_large"
    CACHE_TOO_LARGE = "cache_too_large"
    REQUIRED_VRAM_TOO_LARGE = "required_vram_too_large"
    NOT_ON_SALE = "not_on_sale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an estimate says about one machine. Memory is per GPU."""

    reason: Reason | None
    """Why it does not fit; ``None`` if it does."""
    sentence: str | None
    terms: tuple[Term, ...] = ()
    usable_bytes: int | None = None
    max_context_tokens: int | None = None
    """Of each sequence, at the concurrency asked for; ``None`` if memory sets no limit, or
    nothing could be computed."""
    max_sequences: int | None = None
    """At the context asked for."""

    @property
    def fits(self) -> bool:
        """Whether it can be served there."""
        return self.reason is None


def judge(model: Architecture, demand: Demand, gpus: Gpus) -> Verdict:
    """Return whether the model can be served on such a machine, over all its GPUs."""
    if not gpus.count or not gpus.memory_gb:
        return Verdict(reason=Reason.NO_GPU, sentence="The machine has no GPU memory.")
    uneven = _uneven(model, gpus.count)
    if uneven is not None:
        return Verdict(reason=Reason.HEADS_DO_NOT_DIVIDE, sentence=uneven)
    needed = needs(model, demand, gpus=gpus.count)
    usable = gpus.usable_bytes(demand.utilization)
    longest = needed.max_context_tokens(usable, sequences=demand.sequences)
    known = [limit for limit in (longest, model.max_context_tokens) if limit is not None]
    total = needed.total_bytes(context_tokens=demand.context_tokens, sequences=demand.sequences)
    beyond = _beyond(model, demand)
    reason = sentence = None
    if beyond is not None:
        reason, sentence = Reason.CONTEXT_BEYOND_MODEL, beyond
    elif needed.fixed_bytes > usable:
        reason = Reason.WEIGHTS_TOO_LARGE
        sentence = (
            f"Each GPU must hold {as_gb(needed.fixed_bytes)} before the first token, of which"
            f" {as_gb(needed.weights_bytes)} are weights; {as_gb(usable)} can be used."
        )
    elif total > usable:
        reason = Reason.CACHE_TOO_LARGE
        sentence = (
            f"Each GPU must hold {as_gb(total)} for {demand.sequences} sequences of"
            f" {demand.context_tokens} tokens; {as_gb(usable)} can be used."
        )
    return Verdict(
        reason=reason,
        sentence=sentence,
        terms=gpu_terms(model, demand, needed, gpus=gpus.count),
        usable_bytes=usable,
        max_context_tokens=min(known, default=None),
        max_sequences=None
        if beyond
        else needed.max_sequences(usable, context_tokens=demand.context_tokens),
    )


def splits_evenly(model: Architecture, gpus: int) -> bool:
    """Tell whether so many GPUs can share the model: engines split heads and networks evenly.

    Heads of keys and values may also be fewer than GPUs; then each is on several (vLLM's and
    SGLang's attention layers check the same).
    """
    kv_heads = 1 if model.latent is not None else model.kv_heads
    networks = [model.intermediate_size] if model.dense_layers else []
    if model.experts is not None:
        networks += [model.experts.intermediate_size, model.experts.shared_intermediate_size]
    return (
        model.heads % gpus == 0
        and (kv_heads % gpus == 0 or gpus % kv_heads == 0)
        and all(size % gpus == 0 for size in networks)
    )


def _uneven(model: Architecture, gpus: int) -> str | None:
    if splits_evenly(model, gpus):
        return None
    possible = [str(n) for n in range(1, gpus) if splits_evenly(model, n)]
    return (
        f"{model.heads} attention heads with {model.kv_heads} for keys and values, and the"
        f" networks between them, cannot be split evenly over {gpus} GPUs; over"
        f" {' or '.join(possible)} they can."
    )


def _beyond(model: Architecture, demand: Demand) -> str | None:
    longest = model.max_context_tokens
    if longest is None or demand.context_tokens <= longest:
        return None
    return f"The model knows contexts of {longest} tokens at most."
