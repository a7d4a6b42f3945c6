"""What would happen, without doing it."""

from dataclasses import dataclass

from inventiv_core.deployments.entities import (
    DeploymentRequest,
    InUse,
    PlanId,
)
from inventiv_core.deployments.errors import (
    OrganizationNeeded,
)
from inventiv_core.deployments.ports import (
    BootQueries,
    DeploymentWork,
    PlanWork,
)
from inventiv_core.deployments.use_cases.deployments import check
from inventiv_core.deployments.views import PlanDetails
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.idempotency import IDEMPOTENCY_LIFETIME
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.use_cases.fits import Wish, fit_on

BOOTS_LOOKED_AT = 200
"""How many of the newest boots an expectation is learnt from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDeployment:
    """Say what a deployment would be and cost, without renting anything."""

    unit_of_work: UnitOfWork[DeploymentWork]
    boot_queries: BootQueries
    clock: Clock
    new_id: NewId

    async def __call__(
        self, request: DeploymentRequest, *, wish: Wish | None = None, actor: Actor
    ) -> PlanDetails:
        """Return a plan that can be applied for a while, or refuse as the deployment would be.

        Raises:
            OrganizationNeeded: The actor is in the personal workspace.
            PermissionMissing: The actor may not rent machines for the organization.
            DeploymentRefused: The request cannot be met; each reason is an error of its own.
            DemandInvalid: Nothing can be served like this.
        """
        nothing = InstanceId(self.new_id())
        if actor.organization_id is None:
            raise OrganizationNeeded(instance_id=nothing)
        owner = actor.must_in_organization(Permission.MANAGE_INSTANCES)
        async with self.unit_of_work() as work:
            if not await work.organizations.keep(owner):
                raise OrganizationNeeded(instance_id=nothing)
            found = await check(request, nothing, owner, work)
            fit = fit_on(found.model, wish or Wish(), (found.machine,))
            plan = found.plan(PlanId(self.new_id()), owner, at=self.clock.now())
            await work.plans.add(plan)
        boot_times = await self.boot_queries.times(
            owner,
            model_id=found.model.id,
            instance_type_id=found.instance_type.id,
            zone_id=found.zone.id,
            limit=BOOTS_LOOKED_AT,
        )
        kind = found.instance_type
        return PlanDetails(
            plan=plan,
            fit=fit,
            quota=found.quota,
            in_use=found.in_use,
            wanted=InUse(
                instances=1,
                gpus=kind.gpu_count,
                eur_per_hour=kind.cost_per_hour or ZERO_EUR,
            ),
            boot_times=boot_times,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPlans:
    """Drop the plans that nobody can apply any more."""

    unit_of_work: UnitOfWork[PlanWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were dropped. What became of one is known for a day longer."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            return await work.plans.forget(before=self.clock.now() - IDEMPOTENCY_LIFETIME)
