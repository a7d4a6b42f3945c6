"""What can go wrong with deployments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from inventiv_core.kernel.errors import Conflict, Invalid, NotFound
from inventiv_core.kernel.money import Eur


@dataclass(eq=False, kw_only=True)
class DeploymentRefused(Invalid):
    """The deployment was refused, and nothing was rented.

    Each refusal has a code that clients of the API know.
    """

    kind = "deployment_refused"

    instance_id: UUID
    """The id that the instance would have had: the action log has it, too."""


@dataclass(eq=False, kw_only=True)
class OrganizationNeeded(DeploymentRefused):
    """Choose an organization first: machines are rented for organizations only."""

    code = "NO_CURRENT_ORGANIZATION"


@dataclass(eq=False, kw_only=True)
class MissingParams(DeploymentRefused):
    """Both a zone and an instance type are needed."""

    code = "MISSING_PARAMS"


@dataclass(eq=False, kw_only=True)
class MissingModel(DeploymentRefused):
    """Missing model_id: say which model to serve."""

    code = "MISSING_MODEL"


@dataclass(eq=False, kw_only=True)
class InvalidProvider(DeploymentRefused):
    """There is no such provider, or it is switched off."""

    code = "INVALID_PROVIDER"
    provider: str


@dataclass(eq=False, kw_only=True)
class InvalidZone(DeploymentRefused):
    """The provider has no such zone, or it is switched off."""

    code = "INVALID_ZONE"
    zone: str


@dataclass(eq=False, kw_only=True)
class InvalidInstanceType(DeploymentRefused):
    """This instance type is not on sale in this zone."""

    code = "INVALID_INSTANCE_TYPE"
    zone: str
    instance_type: str


@dataclass(eq=False, kw_only=True)
class InvalidModel(DeploymentRefused):
    """There is no such model, or it is switched off."""

    code = "INVALID_MODEL"
    model_id: UUID


@dataclass(eq=False, kw_only=True)
class IncompatibleModelInstance(DeploymentRefused):
    """The model does not fit on this instance type."""

    code = "INCOMPATIBLE_MODEL_INSTANCE"
    needed_gb: int
    """GPU memory the model needs, in decimal gigabytes."""
    offered_gb: int
    """GPU memory of the whole machine, in decimal gigabytes."""


@dataclass(eq=False, kw_only=True)
class QuotaExceeded(DeploymentRefused):
    """The organization's quota does not allow one more of these machines."""

    code = "QUOTA_EXCEEDED"
    limit: str
    """Which: ``instances``, ``gpus`` or ``eur_per_hour``."""
    allowed: int | Eur
    in_use: int | Eur
    wanted: int | Eur


@dataclass(eq=False, kw_only=True)
class PlanNotFound(NotFound):
    """There is no such plan in this organization, or it was forgotten."""

    plan_id: UUID


@dataclass(eq=False, kw_only=True)
class PlanRefused(Conflict):
    """The plan cannot be applied, and nothing was rented: plan again."""

    kind = "deployment_refused"

    instance_id: UUID
    """The id that the instance would have had: the action log has it, too."""
    plan_id: UUID


@dataclass(eq=False, kw_only=True)
class PlanExpired(PlanRefused):
    """The plan is too old to be applied: plan again."""

    code = "PLAN_EXPIRED"
    expired_at: datetime


@dataclass(eq=False, kw_only=True)
class PlanDrifted(PlanRefused):
    """The deployment would not be the one that was planned: see what changed, and plan again."""

    code = "PLAN_DRIFTED"
    changes: Sequence[dict[str, Any]]
    """What is not as it was: ``field``, ``planned`` and ``now`` of each."""


@dataclass(eq=False, kw_only=True)
class QuotaOwnerNotFound(NotFound):
    """There is no such organization."""

    code = "organization_not_found"
