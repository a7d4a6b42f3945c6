"""From a request, or a plan, to a machine that is promised."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.catalog.entities import InstanceType, Provider, Zone
from inventiv_core.deployments.entities import (
    PLAN_LIFETIME,
    Deployment,
    DeploymentRequest,
    Drift,
    InUse,
    Plan,
    PlanId,
    Quota,
)
from inventiv_core.deployments.errors import (
    DeploymentRefused,
    IncompatibleModelInstance,
    InvalidInstanceType,
    InvalidModel,
    InvalidProvider,
    InvalidZone,
    MissingModel,
    MissingParams,
    OrganizationNeeded,
    PlanDrifted,
    PlanExpired,
    PlanRefused,
    QuotaExceeded,
)
from inventiv_core.deployments.ports import (
    DeploymentWork,
)
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.instances.events import InstanceChanged, ProvisioningRequested
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import Model
from inventiv_core.models.views import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDeployment:
    """Promise a model a machine, and have one rented."""

    unit_of_work: UnitOfWork[DeploymentWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        request: DeploymentRequest | None,
        *,
        plan_id: PlanId | None = None,
        key: IdempotencyKey | None = None,
        actor: Actor,
    ) -> Deployment:
        """Create the instance, or refuse and leave nothing but a line in the action log.

        With a ``key``, the same request makes one instance however often it is sent, also
        at the same time. A refusal is not remembered: what was mended may be sent again.

        With a ``plan_id`` the deployment is the one that was planned, or it is refused; a plan
        makes one instance however often it is applied. It says what is asked for, if no
        ``request`` does.

        Raises:
            OrganizationNeeded: The actor is in the personal workspace, and nothing is logged;
                or the organization was given up at this moment.
            PermissionMissing: The actor may not rent machines for the organization.
            IdempotencyKeyReused: The key was used for another request.
            DeploymentRefused: The request cannot be met; each reason is an error of its own.
            PlanNotFound: There is no such plan in the organization.
            PlanRefused: The plan has expired, or things are not as they were.
        """
        instance_id = InstanceId(self.new_id())
        if actor.organization_id is None:
            raise OrganizationNeeded(instance_id=instance_id)
        owner = actor.must_in_organization(Permission.MANAGE_INSTANCES)
        now = self.clock.now()
        log = ActionLog.begin(
            ActionType.REQUEST_CREATE,
            id=ActionLogId(self.new_id()),
            actor=actor,
            organization_id=owner,
            instance_id=instance_id,
            at=now,
            metadata=_asked(request, plan_id),
        )
        try:
            async with self.unit_of_work() as work:
                if key is not None:
                    known = await work.idempotency.begin(key, scope=owner, at=now)
                    if known is not None:
                        return Deployment(instance_id=UUID(known), is_replayed=True)
                planned = None if plan_id is None else await work.plans.lock(plan_id, owner=owner)
                if planned is not None and planned.instance_id is not None:
                    deployment = Deployment(instance_id=planned.instance_id, is_replayed=True)
                    if key is not None:
                        applied = str(planned.instance_id)
                        await work.idempotency.finish(key, scope=owner, result=applied)
                    return deployment
                if not await work.organizations.keep(owner):  # given up since the request came in
                    raise OrganizationNeeded(instance_id=instance_id)
                instance = await self._promise(request, planned, log, owner, now, work)
                await record(log.succeed(at=now, status_after=instance.status), work)
                if key is not None:
                    await work.idempotency.finish(key, scope=owner, result=str(instance.id))
        except (DeploymentRefused, PlanRefused) as refusal:
            async with self.unit_of_work() as work:
                await record(
                    log.fail(code=refusal.code, message=str(refusal), at=self.clock.now()), work
                )
            raise
        return Deployment(instance_id=instance_id)

    async def _promise(
        self,
        request: DeploymentRequest | None,
        planned: Plan | None,
        log: ActionLog,
        owner: OrganizationId,
        now: datetime,
        work: DeploymentWork,
    ) -> Instance:
        instance_id = InstanceId(log.instance_id)
        if planned is not None:
            found = await _as_planned(planned, request, instance_id, owner, now, work)
        elif request is not None:
            found = await check(request, instance_id, owner, work)
        else:
            raise MissingParams(instance_id=instance_id)
        instance = Instance.request(
            id=instance_id,
            organization_id=owner,
            provider_id=found.provider.id,
            zone_id=found.zone.id,
            instance_type_id=found.instance_type.id,
            model_id=found.model.id,
            at=now,
        )
        await work.instances.add(instance)
        await work.leases.schedule(instance.id, at=now)
        await work.outbox.add(InstanceChanged.of(instance, at=now))
        await work.outbox.add(
            ProvisioningRequested(
                instance_id=instance.id,
                organization_id=owner,
                provider_id=instance.provider_id,
                zone_id=instance.zone_id,
                zone=found.zone.code,
                instance_type_id=instance.instance_type_id,
                instance_type=found.instance_type.code,
                model_id=instance.model_id,
                correlation_id=log.id,
                occurred_at=now,
            )
        )
        if planned is not None:
            await work.plans.apply(planned.id, instance_id=instance.id)
        return instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a request means, and what it stands against."""

    provider: Provider
    zone: Zone
    instance_type: InstanceType
    model: Model
    quota: Quota
    in_use: InUse

    def plan(self, id: PlanId, owner: OrganizationId, *, at: datetime) -> Plan:
        """Return what this is as a plan."""
        kind = self.instance_type
        return Plan(
            id=id,
            organization_id=owner,
            provider_id=self.provider.id,
            zone=self.zone.code,
            instance_type=kind.code,
            model_id=self.model.id,
            gpu_count=kind.gpu_count,
            vram_per_gpu_gb=kind.vram_per_gpu_gb,
            required_vram_gb=self.model.required_vram_gb,
            price_per_hour_eur=kind.cost_per_hour,
            created_at=at,
            expires_at=at + PLAN_LIFETIME,
        )

    @property
    def machine(self) -> Machine:
        """The machine, as far as it matters to the model."""
        kind = self.instance_type
        return Machine(
            id=kind.id,
            provider_id=self.provider.id,
            provider_code=self.provider.code,
            code=kind.code,
            name=kind.name,
            gpu_count=kind.gpu_count,
            vram_per_gpu_gb=kind.vram_per_gpu_gb,
            cost_per_hour=kind.cost_per_hour,
            zones=(self.zone.code,),
        )


async def _as_planned(
    planned: Plan,
    request: DeploymentRequest | None,
    instance_id: InstanceId,
    owner: OrganizationId,
    now: datetime,
    work: DeploymentWork,
) -> Found:
    """Return what the plan means now, if that is what it meant then."""
    if now >= planned.expires_at:
        raise PlanExpired(
            instance_id=instance_id, plan_id=planned.id, expired_at=planned.expires_at
        )
    try:
        found = await check(request or planned.request, instance_id, owner, work)
    except DeploymentRefused as refusal:
        field = _DOUBTFUL.get(type(refusal), "request")
        drift = (Drift(field=field, planned="accepted", now=refusal.code),)
        raise _drifted(planned, drift, instance_id) from refusal
    changes = planned.drift(found.plan(planned.id, owner, at=now))
    if changes:
        raise _drifted(planned, changes, instance_id)
    return found


_DOUBTFUL: Final[Mapping[type[DeploymentRefused], str]] = {
    InvalidProvider: "provider",
    InvalidZone: "zone",
    InvalidInstanceType: "availability",
    InvalidModel: "model",
    IncompatibleModelInstance: "fit",
    QuotaExceeded: "quota",
}
"""What has changed when a deployment that was planned is refused."""


def _drifted(planned: Plan, changes: Sequence[Drift], instance_id: InstanceId) -> PlanDrifted:
    return PlanDrifted(
        instance_id=instance_id,
        plan_id=planned.id,
        changes=[asdict(change) for change in changes],
    )


async def check(
    request: DeploymentRequest,
    instance_id: InstanceId,
    owner: OrganizationId,
    work: DeploymentWork,
) -> Found:
    """Return what the request means. The order of the checks is part of the API."""
    zone_code, type_code = request.zone.strip(), request.instance_type.strip()
    if not zone_code or not type_code:
        raise MissingParams(instance_id=instance_id)
    if request.model_id is None:
        raise MissingModel(instance_id=instance_id)

    provider = await work.catalog.find_provider(id=request.provider_id, code=request.provider)
    if provider is None or not provider.is_active:
        named = str(request.provider_id or request.provider)
        raise InvalidProvider(instance_id=instance_id, provider=named)
    zone = await work.catalog.find_zone(provider.id, zone_code)
    if zone is None:
        raise InvalidZone(instance_id=instance_id, zone=zone_code)
    instance_type = await work.catalog.find_on_sale(provider.id, zone.id, type_code)
    if instance_type is None:
        raise InvalidInstanceType(instance_id=instance_id, zone=zone_code, instance_type=type_code)
    model = await work.models.find(request.model_id)
    if model is None or not model.is_active:
        raise InvalidModel(instance_id=instance_id, model_id=request.model_id)
    if not model.runs_on(provider_code=provider.code, vram_gb=instance_type.vram_gb):
        raise IncompatibleModelInstance(
            instance_id=instance_id,
            needed_gb=model.required_vram_gb,
            offered_gb=instance_type.vram_gb,
        )
    quota = await work.quotas.lock(owner)
    in_use = await work.quotas.in_use(owner)
    excess = quota.exceeded_by(in_use, instance_type)
    if excess is not None:
        raise QuotaExceeded(instance_id=instance_id, **asdict(excess))
    return Found(
        provider=provider,
        zone=zone,
        instance_type=instance_type,
        model=model,
        quota=quota,
        in_use=in_use,
    )


def _asked(request: DeploymentRequest | None, plan_id: PlanId | None) -> dict[str, Any]:
    plan = {} if plan_id is None else {"plan_id": str(plan_id)}
    if request is None:
        return plan
    provider_id = request.provider_id
    return {
        "provider_id": None if provider_id is None else str(provider_id),
        "provider_code": None if provider_id is not None else request.provider,
        "zone": request.zone,
        "instance_type": request.instance_type,
        "model_id": None if request.model_id is None else str(request.model_id),
        **plan,
    }
