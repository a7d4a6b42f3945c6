"""How much organizations may have."""

from dataclasses import asdict, dataclass

from inventiv_core.deployments.entities import (
    DeploymentAct,
    Quota,
)
from inventiv_core.deployments.ports import (
    QuotaQueries,
    QuotaWork,
)
from inventiv_core.deployments.views import QuotaStanding
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


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
