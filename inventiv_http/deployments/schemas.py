"""Deployments on the wire."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.deployments.entities import DeploymentRequest, InUse, PlanId, Quota
from inventiv_core.deployments.views import PlanDetails
from inventiv_core.kernel.money import Eur
from inventiv_core.models.entities import ModelId
from inventiv_core.models.use_cases.fits import Wish
from inventiv_http.models.schemas.models import FitBody


class NewPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /deployments/plan``: what is wanted, and for what demand."""

    zone: str
    """The zone's code."""
    instance_type: str
    """The instance type's code."""
    model_id: UUID | None = None
    """Needed; optional here only so that its absence gets an answer of its own."""
    provider_code: str | None = None
    provider_id: UUID | None = None
    """Wins over the code."""

    context: int | None = None
    """Tokens of each sequence; by default, all that the model knows."""
    concurrency: int = 1
    """Sequences at the same time."""

    def to_request(self) -> DeploymentRequest:
        """Return what the core understands."""
        return _request(self, self.zone, self.instance_type)

    def wish(self) -> Wish:
        """Return the demand that is asked about."""
        return Wish(context_tokens=self.context, sequences=self.concurrency)


class NewDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /deployments``."""

    zone: str | UnsetType = UNSET
    """The zone's code. Needed, and so is the type, unless a plan says both."""
    instance_type: str | UnsetType = UNSET
    """The instance type's code."""
    model_id: UUID | None = None
    """Needed; optional here only so that its absence gets an answer of its own."""
    provider_code: str | None = None
    provider_id: UUID | None = None
    """Wins over the code."""
    plan_id: UUID | None = None
    """The plan to apply: this deployment is as it says, or is refused."""

    def __post_init__(self) -> None:
        """Check that all that is needed is there.

        Raises:
            ValueError: It is not.
        """
        absent = [name for name in ("zone", "instance_type") if getattr(self, name) is UNSET]
        if absent and not self._is_all_planned:
            message = f"Object missing required field `{absent[0]}`"
            raise ValueError(message)

    @property
    def plan(self) -> PlanId | None:
        """The plan to apply."""
        return None if self.plan_id is None else PlanId(self.plan_id)

    @property
    def _is_all_planned(self) -> bool:
        places = (self.zone, self.instance_type)
        others = (self.model_id, self.provider_code, self.provider_id)
        nothing_said = all(place is UNSET for place in places) and others == (None, None, None)
        return self.plan_id is not None and nothing_said

    def to_request(self) -> DeploymentRequest | None:
        """Return what the core understands; ``None`` leaves it to the plan."""
        if isinstance(self.zone, UnsetType) or isinstance(self.instance_type, UnsetType):
            return None
        return _request(self, self.zone, self.instance_type)


def _request(asked: NewPlan | NewDeployment, zone: str, instance_type: str) -> DeploymentRequest:
    return DeploymentRequest(
        provider_id=None if asked.provider_id is None else ProviderId(asked.provider_id),
        provider_code=asked.provider_code,
        zone=zone,
        instance_type=instance_type,
        model_id=None if asked.model_id is None else ModelId(asked.model_id),
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


class BootTimesBody(msgspec.Struct, frozen=True, kw_only=True):
    """How long until it serves, as the organization's own boots say; null is not known."""

    boots: int
    """How many it was learnt from."""
    p50_s: float | None
    p90_s: float | None


class QuotaEffectBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the deployment does to the quota."""

    quota: LimitsBody
    in_use: LimitsBody
    after: LimitsBody


class RefusedBody(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no deployment; beside it, the facts to mend the request."""

    status: str
    message: str
    """A sentence, for people."""
    error: str
    error_code: str
    """For programs."""
    request_id: str


class PlanBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment would be. Amounts are euros; a month is 730 hours."""

    plan_id: UUID
    created_at: datetime
    expires_at: datetime
    provider_id: UUID
    zone: str
    instance_type: str
    model_id: UUID
    is_available: bool
    """As the catalog says: what is sold out is not planned."""
    price_per_hour_eur: float | None
    price_per_day_eur: float | None
    price_per_month_eur: float | None
    quota_effect: QuotaEffectBody
    time_to_ready: BootTimesBody
    fit: FitBody

    @classmethod
    def of(cls, details: PlanDetails) -> Self:
        """Show a plan."""
        plan, boots, used, more = (
            details.plan, details.boot_times, details.in_use, details.wanted,
        )  # fmt: skip
        after = InUse(
            instances=used.instances + more.instances,
            gpus=used.gpus + more.gpus,
            eur_per_hour=used.eur_per_hour + more.eur_per_hour,
        )
        return cls(
            plan_id=plan.id,
            created_at=plan.created_at,
            expires_at=plan.expires_at,
            provider_id=plan.provider_id,
            zone=plan.zone,
            instance_type=plan.instance_type,
            model_id=plan.model_id,
            is_available=True,
            price_per_hour_eur=_number(plan.price_per_hour_eur),
            price_per_day_eur=_number(details.price_per_day_eur),
            price_per_month_eur=_number(details.price_per_month_eur),
            quota_effect=QuotaEffectBody(
                quota=LimitsBody.of(details.quota),
                in_use=LimitsBody.of(used),
                after=LimitsBody.of(after),
            ),
            time_to_ready=BootTimesBody(
                boots=boots.boots, p50_s=_seconds(boots.p50), p90_s=_seconds(boots.p90)
            ),
            fit=FitBody.of(details.fit),
        )


def _number(amount: Eur | None) -> float | None:
    return None if amount is None else float(amount)


def _seconds(period: timedelta | None) -> float | None:
    return None if period is None else period.total_seconds()
