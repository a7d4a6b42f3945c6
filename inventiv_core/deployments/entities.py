"""What is wanted, and what is promised."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.models.entities import ModelId

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
