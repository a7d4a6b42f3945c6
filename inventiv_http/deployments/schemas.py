"""Deployments on the wire."""

from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.deployments.entities import DeploymentRequest, InUse, Quota
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


Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class NewQuota(msgspec.Struct, frozen=True, kw_only=True):
    """The most that an organization may have at one time; null, or absent, is no limit."""

    instances: Count | None = None
    gpus: Count | None = None
    eur_per_hour: Annotated[float, Meta(ge=0, le=99_999_999)] | None = None
    """Rounded to a hundredth of a cent."""

    def to_quota(self) -> Quota:
        """Return what is meant."""
        price = self.eur_per_hour
        return Quota(
            instances=self.instances,
            gpus=self.gpus,
            eur_per_hour=None if price is None else round(Decimal(str(price)), 4),
        )


class LimitsBody(msgspec.Struct, frozen=True, kw_only=True):
    """Limits, or what stands against them. Amounts are euros."""

    instances: int | None
    gpus: int | None
    eur_per_hour: float | None

    @classmethod
    def of(cls, limits: Quota | InUse) -> Self:
        """Show them."""
        price = limits.eur_per_hour
        return cls(
            instances=limits.instances,
            gpus=limits.gpus,
            eur_per_hour=None if price is None else float(price),
        )


class QuotaBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization may have, and what it has."""

    quota: LimitsBody
    in_use: LimitsBody
