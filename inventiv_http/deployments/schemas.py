"""Deployments on the wire."""

from uuid import UUID

import msgspec

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.deployments.entities import DeploymentRequest
from inventiv_core.models.entities import ModelId


class NewDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /deployments``."""

    zone: str
    """The zone's code."""
    instance_type: str
    """The instance type's code."""
    model_id: UUID | None = None
    """Needed; optional here only so that its absence gets an answer of its own."""
    provider_code: str | None = None
    provider_id: UUID | None = None
    """Wins over the code."""

    def to_request(self) -> DeploymentRequest:
        """Return what the core understands."""
        return DeploymentRequest(
            provider_id=None if self.provider_id is None else ProviderId(self.provider_id),
            provider_code=self.provider_code,
            zone=self.zone,
            instance_type=self.instance_type,
            model_id=None if self.model_id is None else ModelId(self.model_id),
        )


class DeploymentBody(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request to deploy."""

    status: str
    """``accepted`` or ``failed``."""
    instance_id: UUID
    message: str | None = None
