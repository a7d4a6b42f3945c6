"""What the reconciler has to know about an instance besides the instance."""

from dataclasses import dataclass

from inventiv_core.instances.entities import Instance
from inventiv_core.workers.entities import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """The names by which providers and engines know things."""

    provider_code: str
    zone: str
    instance_type: str
    model_id: str
    """The model's public name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """How many machines of one provider seem to be lost."""

    lost: int
    """Missing now, or found to have vanished lately."""
    fleet: int
    """All that should be there, and those that have vanished lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """An instance, its particulars, and what its worker last said."""

    instance: Instance
    particulars: Particulars
    worker: Worker | None
