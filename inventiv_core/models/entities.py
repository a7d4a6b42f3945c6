"""A model: the weights a machine can serve."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

ModelId = NewType("ModelId", UUID)

MOCK_MODEL = "mock-echo-model"
"""The model that simulated machines serve, and the only one they can."""


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
