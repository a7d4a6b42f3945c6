"""Bring every instance closer to what is wanted of it, one look at a time.

Level-triggered: what to do follows from what is stored and what the provider and
the worker say, not from what happened. So it does not matter who looks, how often,
or what whoever looked before was doing when it was killed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from inventiv_core.cloud.entities import MachineNeeds
from inventiv_core.cloud.errors import CloudNotConfigured
from inventiv_core.cloud.ports import Clouds
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import AT_REST, Instance, InstanceStatus, Lease
from inventiv_core.instances.errors import LeaseLost
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import Secret, SecretsKeyMissing, SecretUnreadable
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.orchestration.entities import NEVER, Next, Patience
from inventiv_core.orchestration.ports import EngineProbe, OrchestrationWork, SituationQueries
from inventiv_core.orchestration.use_cases.case import Case, Desk, Tools
from inventiv_core.orchestration.use_cases.provisioning import provision, refuse_unconfigured
from inventiv_core.orchestration.use_cases.starting import boot, install, load
from inventiv_core.orchestration.use_cases.terminating import conclude_unrented, drain, terminate
from inventiv_core.orchestration.use_cases.watching import clean_up, watch
from inventiv_core.orchestration.views import Situation
from inventiv_core.settings.definitions import (
    ENGINE_IMAGE,
    ENGINE_MODE,
    ENGINE_PORT,
    EXPOSE_PORTS,
)
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_core.workers.ports import EngineKeys, WorkerTokens

_STEPS = {
    InstanceStatus.PROVISIONING: provision,
    InstanceStatus.BOOTING: boot,
    InstanceStatus.INSTALLING: install,
    InstanceStatus.STARTING: load,
    InstanceStatus.READY: watch,
    InstanceStatus.UNAVAILABLE: watch,
    InstanceStatus.DRAINING: drain,
    InstanceStatus.STARTUP_FAILED: clean_up,
    InstanceStatus.FAILED: clean_up,
    InstanceStatus.TERMINATING: terminate,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What there is to do, and when there will be more."""

    leases: Sequence[Lease]
    next_due: timedelta | None
    """How long until the next instance is due; ``None`` if none ever is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimInstances:
    """Take the instances that need a look now, so that nobody else does."""

    unit_of_work: UnitOfWork[OrchestrationWork]
    clock: Clock
    patience: Patience

    async def __call__(self, *, limit: int, actor: Actor) -> Claimed:
        """Return leases on at most ``limit`` instances."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            leases = await work.leases.claim(now=now, until=now + self.patience.lease, limit=limit)
            return Claimed(leases=leases, next_due=await work.leases.next_due(now=now))


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewLease:
    """Keep an instance while the work on it takes longer than expected."""

    unit_of_work: UnitOfWork[OrchestrationWork]
    clock: Clock
    patience: Patience

    async def __call__(self, lease: Lease, *, actor: Actor) -> None:
        """Prolong the lease, or raise `LeaseLost`."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            await work.leases.renew(lease, now=now, until=now + self.patience.lease)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileInstance:
    """Have one look at one instance, do the next thing about it, and say when to look again."""

    unit_of_work: UnitOfWork[OrchestrationWork]
    situation_queries: SituationQueries
    clouds: Clouds
    engine_probe: EngineProbe
    worker_tokens: WorkerTokens
    engine_keys: EngineKeys
    clock: Clock
    new_id: NewId
    chance: Chance
    patience: Patience
    effective_settings: EffectiveSettings
    control_plane_url: str
    heartbeat_interval_s: int
    hub_token: Secret | None
    """Lets engines fetch models that are not for everybody."""

    async def __call__(self, lease: Lease, *, actor: Actor) -> None:
        """Do the next thing. If somebody else has taken over, change nothing."""
        actor.must(Permission.OPERATE)
        try:
            upcoming = await self._look(lease)
            await self._release(lease, upcoming)
        except LeaseLost:
            return

    async def _look(self, lease: Lease) -> Next:
        situation = await self.situation_queries.find(lease.instance_id)
        if situation is None or situation.instance.status in AT_REST:
            return NEVER
        names = situation.particulars
        try:
            cloud = await self.clouds.of(
                names.provider_code, organization_id=situation.instance.organization_id
            )
        except (CloudNotConfigured, SecretsKeyMissing, SecretUnreadable) as error:
            return await self._without_cloud(lease, situation, str(error))
        case = Case(
            tools=await self._tools(situation.instance),
            lease=lease,
            situation=situation,
            cloud=cloud,
        )
        return await _STEPS[situation.instance.status](case)

    async def _without_cloud(self, lease: Lease, situation: Situation, message: str) -> Next:
        """Go on without anybody to ask: only what was never rented can be concluded."""
        case = Desk(tools=await self._tools(situation.instance), lease=lease, situation=situation)
        match situation.instance.status:
            case InstanceStatus.PROVISIONING:
                upcoming = await refuse_unconfigured(case, message)
            case InstanceStatus.DRAINING:
                upcoming = await drain(case)
            case InstanceStatus.TERMINATING:
                upcoming = await conclude_unrented(case)
            case _:
                upcoming = None
        return upcoming or Next(after=self.patience.watch, trouble=True)

    async def _tools(self, instance: Instance) -> Tools:
        patience = replace(
            self.patience,
            stale_after=await self.effective_settings.stale_after(),
            startup=await self.effective_settings.startup_timeout(
                organization_id=instance.organization_id, provider_id=instance.provider_id
            ),
        )
        return Tools(
            unit_of_work=self.unit_of_work,
            clock=self.clock,
            new_id=self.new_id,
            patience=patience,
            situation_queries=self.situation_queries,
            engine_probe=self.engine_probe,
            worker_tokens=self.worker_tokens,
            engine_keys=self.engine_keys,
            control_plane_url=self.control_plane_url,
            heartbeat_interval_s=self.heartbeat_interval_s,
            installation_id=await self.situation_queries.installation_id(),
            needs=await self._needs(instance),
            default_volume_gb=await self.effective_settings.data_volume_default_gb(
                organization_id=instance.organization_id, provider_id=instance.provider_id
            ),
        )

    async def _needs(self, instance: Instance) -> MachineNeeds:
        chosen = {
            key: await self.effective_settings.of_provider(
                key, organization_id=instance.organization_id, provider_id=instance.provider_id
            )
            for key in (ENGINE_IMAGE, ENGINE_MODE, ENGINE_PORT, EXPOSE_PORTS)
        }
        return MachineNeeds(
            engine_image=str(chosen[ENGINE_IMAGE].value),
            engine_mode=str(chosen[ENGINE_MODE].value),
            engine_port=chosen[ENGINE_PORT].value_int,
            is_reachable=bool(chosen[EXPOSE_PORTS].value),
            hub_token=self.hub_token,
        )

    async def _release(self, lease: Lease, upcoming: Next) -> None:
        attempts = lease.attempts + 1 if upcoming.trouble else 0
        after = upcoming.after
        if after is not None and upcoming.trouble:
            after = max(after, self.patience.back_off(lease.attempts, self.chance()))
        elif after is not None:
            after = self.patience.spread(after, self.chance())
        due_at = None if after is None else self.clock.now() + after
        async with self.unit_of_work() as work:
            await work.leases.release(lease, due_at=due_at, attempts=attempts)
