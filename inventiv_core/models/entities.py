"""A model: the weights a machine can serve."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NewType, Self, cast
from uuid import UUID

from inventiv_core.catalog.entities import MOCK
from inventiv_core.models.errors import ModelInvalid
from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.sizing.memory import Demand, weights_by_part
from inventiv_core.models.sizing.quantities import GB, ceil_div

ModelId = NewType("ModelId", UUID)

MOCK_MODEL = "mock-echo-model"
"""The model that simulated machines serve, and the only one they can."""

LONGEST_TEXT: Final = 255
MOST_GB: Final = 1_000_000
"""A petabyte: no model needs more, and a number mistyped is found."""
MOST_CONTEXT_TOKENS: Final = 1_000_000_000
MOST_METADATA_BYTES: Final = 16_384
MOST_METADATA_DEPTH: Final = 16

"""The data volume of a machine for a model of which nothing is known."""


class ModelActKind(StrEnum):
    """What people do to the models of the catalog."""

    MODEL_CREATED = "MODEL_CREATED"
    MODEL_UPDATED = "MODEL_UPDATED"
    MODEL_DELETED = "MODEL_DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of the catalog."""

    id: ModelId
    name: str
    model_id: str
    """Its public name, as on Hugging Face: what OpenAI clients send as ``model``."""
    required_vram_gb: int
    """GPU memory it needs to run, over all GPUs, in decimal gigabytes."""
    context_length: int
    """The most tokens of prompt and answer together."""
    is_active: bool
    data_volume_gb: int | None
    """Disk it needs, in decimal gigabytes; ``None`` when nobody has said."""
    created_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Whatever its administrators want to keep with it."""
    architecture: Architecture | None = None
    """What it is made of; ``None`` when nobody has said."""

    def validated(self) -> Self:
        """Return the model with its texts trimmed, if it is one that can be.

        Raises:
            ModelInvalid: The first field that cannot be, and what it must be.
        """
        for name in ("required_vram_gb", "data_volume_gb"):
            size_gb: int | None = getattr(self, name)
            if size_gb is not None and not 0 <= size_gb <= MOST_GB:
                raise ModelInvalid(field=name, must=f"between 0 and {MOST_GB}")
        if not 1 <= self.context_length <= MOST_CONTEXT_TOKENS:
            raise ModelInvalid(field="context_length", must=f"between 1 and {MOST_CONTEXT_TOKENS}")
        _must_be_small(self.metadata)
        return replace(
            self, name=_text("name", self.name), model_id=_text("model_id", self.model_id)
        )

    def differences(self, other: Self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values that differ, here and in ``other``; but not when it was changed."""
        names = [
            each.name
            for each in fields(self)
            if each.name != "updated_at" and getattr(self, each.name) != getattr(other, each.name)
        ]
        return (
            {name: getattr(self, name) for name in names},
            {name: getattr(other, name) for name in names},
        )

    def runs_on(self, *, provider_code: str, vram_gb: int) -> bool:
        """Tell whether the model may be deployed on a machine with so much memory on all GPUs.

        Simulated machines serve the simulated model and nothing else; on all others the GPU
        memory of all GPUs together must be what the catalog says the model requires.
        """
        if provider_code == MOCK:
            return self.model_id == MOCK_MODEL
        return vram_gb >= self.required_vram_gb


def recommended_volume_gb(model: Model, *, default_gb: int) -> int:
    """Return how large a data volume a machine should have for the model.

    What the catalog says or, else, room for the weights one and a half times, so that the next
    revision can come while a part of the last one is there, and 50 GB for the engine's image, its
    compiled kernels and logs, rounded up to tens. Without an architecture the memory that the
    model requires stands for its weights. Of what nothing is known: the default.
    """
    if model.data_volume_gb is not None:
        return model.data_volume_gb
    weights_gb = model.required_vram_gb
    if model.architecture is not None:
        sizes = weights_by_part(model.architecture, Demand(context_tokens=1), gpus=1)
        weights_gb = ceil_div(sum(sizes.values()), GB)
    if not weights_gb:
        return default_gb
    return ceil_div(ceil_div(weights_gb * 3, 2) + 50, 10) * 10


def _text(name: str, value: str) -> str:
    trimmed = value.strip()
    if not trimmed or len(trimmed) > LONGEST_TEXT or not trimmed.isprintable():
        must = f"1 to {LONGEST_TEXT} characters that can be seen"
        raise ModelInvalid(field=name, must=must)
    return trimmed


def _must_be_small(metadata: Mapping[str, Any]) -> None:
    """Raise if it takes too much room, goes too deep, or holds what cannot be stored."""
    waiting: list[tuple[object, int]] = [(metadata, 1)]
    size_bytes = 0
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, Mapping):
            inside = cast("Mapping[str, object]", value)
            waiting += [(part, depth + 1) for pair in inside.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in cast("list[object]", value)]
        else:
            size_bytes += _size_bytes(value)
        size_bytes += 2  # brackets, quotes, commas
        if depth > MOST_METADATA_DEPTH or size_bytes > MOST_METADATA_BYTES:
            must = (
                f"at most {MOST_METADATA_BYTES} bytes of JSON,"
                f" and {MOST_METADATA_DEPTH} levels deep"
            )
            raise ModelInvalid(field="metadata", must=must)


def _size_bytes(value: object) -> int:
    written = str(value)
    try:
        size_bytes = len(written.encode())
    except UnicodeEncodeError:
        size_bytes = None
    if size_bytes is None or "\0" in written:
        raise ModelInvalid(field="metadata", must="free of NUL and of halves of characters")
    return size_bytes
