"""Models as people look at them, and where they can run."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.kernel.money import ZERO_EUR, Eur
from inventiv_core.kernel.pagination import MAX_INTEGER, Key
from inventiv_core.models.sizing.formats import WeightsDtype
from inventiv_core.models.sizing.memory import Demand
from inventiv_core.models.sizing.quantities import Term
from inventiv_core.models.sizing.verdict import Verdict


class ModelOrder(StrEnum):
    """How to sort a list of models; ties are broken by id."""

    NAME = "name"
    MODEL_ID = "model_id"
    REQUIRED_VRAM_GB = "required_vram_gb"
    CONTEXT_LENGTH = "context_length"
    DATA_VOLUME_GB = "data_volume_gb"
    IS_ACTIVE = "is_active"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


MODEL_KEYS: Final = (
    Key(name="name"),
    Key(name="model_id"),
    Key(name="required_vram_gb", kind=int),
    Key(name="context_length", kind=int),
    Key(name="data_volume_gb", kind=int, missing=MAX_INTEGER),
    Key(name="is_active", kind=bool),
    Key(name="created_at", kind=datetime),
    Key(name="updated_at", kind=datetime),
)
"""What a search may be sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """Which models to search for; ``None`` leaves it open."""

    needle: str | None = None
    """What the name or the public name contains."""
    is_active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance type, as far as it matters to a model."""

    id: UUID
    provider_id: UUID
    provider_code: str
    code: str
    name: str
    gpu_count: int
    vram_per_gpu_gb: int
    """Decimal gigabytes."""
    cost_per_hour: Eur | None
    zones: tuple[str, ...]
    """The codes of the zones where it is on sale, sorted."""

    @property
    def vram_gb(self) -> int:
        """GPU memory of the whole machine, in decimal gigabytes."""
        return self.gpu_count * self.vram_per_gpu_gb

    @property
    def price_rank(self) -> tuple[bool, Eur, str, UUID]:
        """Sort the cheapest first, and what has no price last."""
        price = self.cost_per_hour
        return (price is None, ZERO_EUR if price is None else price, self.code, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFit:
    """Whether a model can be served on one machine."""

    machine: Machine
    verdict: Verdict
    is_deployable: bool
    """Whether a deployment would be accepted, by the memory that the catalog says it requires."""


class FitMethod(StrEnum):
    """What an estimate was made from."""

    ARCHITECTURE = "architecture"
    REQUIRED_VRAM = "required_vram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Where a model can be served: what fits first, the cheapest first."""

    method: FitMethod
    sentence: str
    """What the estimate was made from, for people."""
    demand: Demand
    weights: WeightsDtype | None
    """As they are in memory; ``None`` when nothing is known of them."""
    terms: tuple[Term, ...]
    """What is true of the model on whatever machine."""
    machines: tuple[MachineFit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeAdvice:
    """How large a data volume a machine should have for a model, in decimal gigabytes."""

    model_id: str
    model_name: str
    recommended_data_volume_gb: int
    default_gb: int
    stored_data_volume_gb: int | None
