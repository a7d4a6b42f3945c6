"""What is wanted, and what is promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from inventiv_core.catalog.entities import InstanceType, ProviderId
from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.money import ZERO_EUR, Eur
from inventiv_core.models.entities import ModelId

PlanId = NewType("PlanId", UUID)

PLAN_LIFETIME: Final = timedelta(minutes=15)
"""How long a plan may be applied."""

HOURS_PER_DAY: Final = 24
HOURS_PER_MONTH: Final = 730
"""A twelfth of a year of 365 days: what providers call a month."""

DEFAULT_PROVIDER = "scaleway"
"""The provider of a request that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRequest:
    """What the caller wants deployed, and on what, as the caller has said it."""

    provider_id: ProviderId | None = None
    """Wins over the code."""
    provider_code: str | None = None
    zone: str
    """The zone's code."""
    instance_type: str
    """The instance type's code."""
    model_id: ModelId | None = None

    @property
    def provider(self) -> str:
        """The provider's code, trimmed and in lower case, if the request has no provider id."""
        return (self.provider_code or "").strip().lower() or DEFAULT_PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A promise: this instance will serve the model."""

    instance_id: UUID
    is_replayed: bool = False
    """Whether it was made by an earlier request with the same idempotency key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Something that is not as a plan says any more."""

    field: str
    planned: str | None
    now: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a deployment would be, as it was looked at: to be applied as it is, or not at all."""

    id: PlanId
    organization_id: OrganizationId
    provider_id: ProviderId
    zone: str
    """The zone's code."""
    instance_type: str
    """The instance type's code."""
    model_id: ModelId
    gpu_count: int
    vram_per_gpu_gb: int
    required_vram_gb: int
    price_per_hour_eur: Eur | None
    created_at: datetime
    expires_at: datetime
    instance_id: UUID | None = None
    """What came of it, once it was applied."""

    @property
    def request(self) -> DeploymentRequest:
        """What is asked for by whoever applies it."""
        return DeploymentRequest(
            provider_id=self.provider_id,
            zone=self.zone,
            instance_type=self.instance_type,
            model_id=self.model_id,
        )

    def drift(self, now: "Plan") -> Sequence[Drift]:
        """Return in what the same deployment, planned now, would be another one."""
        pairs = ((field, getattr(self, field), getattr(now, field)) for field in _TERMS)
        return tuple(
            Drift(field=field, planned=_word(planned), now=_word(current))
            for field, planned, current in pairs
            if planned != current
        )


_TERMS: Final = (
    "provider_id", "zone", "instance_type", "model_id", "gpu_count", "vram_per_gpu_gb",
    "required_vram_gb", "price_per_hour_eur",
)  # fmt: skip
"""What a plan promises."""


def _word(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What an organization has at one time, in all that is not over."""

    instances: int
    gpus: int
    eur_per_hour: Eur
    """The sum of the prices that are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The most that an organization may have at one time; ``None`` is no limit."""

    instances: int | None = None
    gpus: int | None = None
    eur_per_hour: Eur | None = None

    def exceeded_by(self, in_use: InUse, wanted: InstanceType) -> "Excess | None":
        """Return which limit one more machine would exceed; ``None`` if it may be rented."""
        price = wanted.cost_per_hour or ZERO_EUR
        for limit, limit_is, used, more in (
            ("instances", self.instances, in_use.instances, 1),
            ("gpus", self.gpus, in_use.gpus, wanted.gpu_count),
            ("eur_per_hour", self.eur_per_hour, in_use.eur_per_hour, price),
        ):
            if limit_is is not None and used + more > limit_is:
                return Excess(limit=limit, allowed=limit_is, in_use=used, wanted=more)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A limit of a quota, and what it stands against."""

    limit: str
    allowed: int | Eur
    in_use: int | Eur
    wanted: int | Eur


class DeploymentAct(StrEnum):
    """What is entered in the books about deployments."""

    QUOTA_SET = "QUOTA_SET"
