"""What people can do with deployments."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.deployments.entities import (
    Deployment,
    DeploymentAct,
    DeploymentRequest,
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
    QuotaExceeded,
)
from inventiv_core.deployments.ports import DeploymentWork, QuotaQueries, QuotaWork
from inventiv_core.deployments.views import QuotaStanding
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDeployment:
    """Promise a model a machine, and have one rented."""

    unit_of_work: UnitOfWork[DeploymentWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, request: DeploymentRequest, *, key: IdempotencyKey | None = None, actor: Actor
    ) -> Deployment:
        """Create the instance, or refuse and leave nothing but a line in the action log.

        With a ``key``, the same request makes one instance however often it is sent, also
        at the same time. A refusal is not remembered: what was mended may be sent again.

        Raises:
            OrganizationNeeded: The actor is in the personal workspace, and nothing is logged;
                or the organization was given up at this moment.
            PermissionMissing: The actor may not rent machines for the organization.
            IdempotencyKeyReused: The key was used for another request.
            DeploymentRefused: The request cannot be met; each reason is an error of its own.
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
            metadata=_asked(request),
        )
        try:
            async with self.unit_of_work() as work:
                if key is not None:
                    known = await work.idempotency.begin(key, scope=owner, at=now)
                    if known is not None:
                        return Deployment(instance_id=UUID(known), is_replayed=True)
                instance = await self._promise(request, instance_id, owner, now, work)
                await record(log.succeed(at=now, status_after=instance.status), work)
                if key is not None:
                    await work.idempotency.finish(key, scope=owner, result=str(instance.id))
        except DeploymentRefused as refusal:
            async with self.unit_of_work() as work:
                await record(
                    log.fail(code=refusal.code, message=str(refusal), at=self.clock.now()), work
                )
            raise
        return Deployment(instance_id=instance_id)

    async def _promise(
        self,
        request: DeploymentRequest,
        instance_id: InstanceId,
        owner: OrganizationId,
        now: datetime,
        work: DeploymentWork,
    ) -> Instance:
        if not await work.organizations.keep(owner):  # given up since the request came in
            raise OrganizationNeeded(instance_id=instance_id)
        instance = await _check(request, instance_id, owner, now, work)
        await work.instances.add(instance)
        await work.leases.schedule(instance.id, at=now)
        await work.outbox.add(InstanceChanged.of(instance, at=now))
        return instance


async def _check(
    request: DeploymentRequest,
    instance_id: InstanceId,
    owner: OrganizationId,
    now: datetime,
    work: DeploymentWork,
) -> Instance:
    """Return the instance that meets the request. The order of the checks is part of the API."""
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
    excess = quota.exceeded_by(await work.quotas.in_use(owner), instance_type)
    if excess is not None:
        raise QuotaExceeded(instance_id=instance_id, **asdict(excess))
    return Instance.request(
        id=instance_id,
        organization_id=owner,
        provider_id=provider.id,
        zone_id=zone.id,
        instance_type_id=instance_type.id,
        model_id=model.id,
        at=now,
    )


def _asked(request: DeploymentRequest) -> dict[str, Any]:
    provider_id = request.provider_id
    return {
        "provider_id": None if provider_id is None else str(provider_id),
        "provider_code": None if provider_id is not None else request.provider,
        "zone": request.zone,
        "instance_type": request.instance_type,
        "model_id": None if request.model_id is None else str(request.model_id),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQuota:
    """Look at what the actor's organization may have, and has."""

    quota_queries: QuotaQueries

    async def __call__(self, *, actor: Actor) -> QuotaStanding:
        """Return both."""
        owner = actor.must_in_organization(Permission.USE_ORGANIZATION)
        return await self.quota_queries.standing(owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuota:
    """Say how much an organization may have at one time."""

    unit_of_work: UnitOfWork[QuotaWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, owner: OrganizationId, quota: Quota, *, actor: Actor) -> None:
        """Set it. What runs already is left alone, also when it is more than that.

        Raises:
            QuotaOwnerNotFound: There is no such organization.
        """
        actor.must(Permission.MANAGE_PLATFORM)
        async with self.unit_of_work() as work:
            before = await work.quotas.lock(owner)
            name = await work.quotas.put(owner, quota)
            act = Act(
                id=self.new_id(),
                kind=DeploymentAct.QUOTA_SET,
                actor=actor,
                organization_id=owner,
                subject=Subject(kind="organization", id=owner, name=name),
                at=self.clock.now(),
                before=asdict(before),
                after=asdict(quota),
            )
            await enter(act, work)
