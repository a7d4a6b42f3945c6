"""From the provider's side: is there a machine that nobody should pay for?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.cloud.entities import Denied, Listed, Machine, MachineState, Throttled, Unknown
from inventiv_core.cloud.ports import Account, Clouds
from inventiv_core.finops.entities.leaks import Leak, LeakReason
from inventiv_core.finops.events import StopReason
from inventiv_core.finops.use_cases.leaks import begin_leak
from inventiv_core.finops.use_cases.rentals import begin_rental, end_rentals
from inventiv_core.identity.access import PLATFORM, Actor, OrganizationId, Permission
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.orchestration.entities import Patience
from inventiv_core.orchestration.events import Doubt, MassLossDoubted
from inventiv_core.orchestration.ports import OrchestrationWork, SituationQueries
from inventiv_core.orchestration.use_cases.case import leaked, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep found."""

    machines: int = 0
    """Machines that are rented."""
    strays: int = 0
    """Machines of no living instance: they were deleted, or will be at the next sweep."""
    spared: int = 0
    """Strays, too, but too many at once to believe it: they were left alone."""
    unanswered: int = 0
    """Accounts that gave no list: nothing is concluded about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMachines:
    """Look through everything that is rented, and give up what belongs to no living instance.

    A machine is rented only for an instance that is stored already, so one whose
    instance is unknown or over is a stray, whenever it is looked at.
    """

    unit_of_work: UnitOfWork[OrchestrationWork]
    situation_queries: SituationQueries
    clouds: Clouds
    clock: Clock
    new_id: NewId
    patience: Patience

    async def __call__(self, *, actor: Actor) -> Swept:
        """Sweep every account once."""
        actor.must(Permission.OPERATE)
        installation_id = await self.situation_queries.installation_id()
        machines = strays = spared = unanswered = 0
        began_at = self.clock.now()
        seen: dict[str, list[str]] = {}
        silent: set[str] = set()
        for account in await self.clouds.accounts():
            match await account.cloud.list(installation_id):
                case Listed(machines=listed):
                    machines += len(listed)
                    seen.setdefault(account.provider_code, []).extend(one.id for one in listed)
                    found, deleted = await self._sweep(account, listed)
                    strays += found if deleted else 0
                    spared += 0 if deleted else found
                case _:
                    unanswered += 1
                    silent.add(account.provider_code)
        for code in seen.keys() - silent:
            async with self.unit_of_work() as work:
                await work.leaks.end_unseen(
                    code, seen[code], listed_at=began_at, at=self.clock.now()
                )
        return Swept(machines=machines, strays=strays, spared=spared, unanswered=unanswered)

    async def _sweep(self, account: Account, machines: tuple[Machine, ...]) -> tuple[int, bool]:
        """Return how many strays there are, and whether they were deleted."""
        ids = sorted({InstanceId(machine.tag.instance_id) for machine in machines})
        async with self.unit_of_work() as work:
            living = {instance.id: instance for instance in await work.instances.living(ids)}
            await self._wake(machines, living, work)
        strays = [
            machine
            for machine in machines
            if machine.tag.instance_id not in living and machine.state is not MachineState.STOPPING
        ]
        if self.patience.doubts(len(strays), fleet=len(machines)):
            await self._doubt(account, strays, len(machines))
            return len(strays), False
        for stray in strays:
            await self._delete(account, stray)
        return len(strays), True

    async def _doubt(self, account: Account, strays: Sequence[Machine], machines: int) -> None:
        code = account.provider_code
        async with self.unit_of_work() as work:
            types = Counter(stray.instance_type for stray in strays)
            per_hour = ZERO_EUR
            for kind, number in sorted(types.items()):
                rates = await work.leaks.rates(code, kind)
                per_hour += number * (rates.cost_per_hour or ZERO_EUR)
            await work.outbox.add(
                MassLossDoubted(
                    doubt=Doubt.STRAYS,
                    provider_code=code,
                    lost=len(strays),
                    fleet=machines,
                    eur_per_hour=per_hour,
                    occurred_at=self.clock.now(),
                )
            )

    async def _wake(
        self,
        machines: tuple[Machine, ...],
        living: Mapping[InstanceId, Instance],
        work: OrchestrationWork,
    ) -> None:
        """Have instances looked at that have another machine than they know: theirs to settle."""
        for machine in machines:
            instance = living.get(InstanceId(machine.tag.instance_id))
            if instance is not None and instance.provider_instance_id not in {None, machine.id}:
                await work.leases.schedule(instance.id, at=self.clock.now())

    async def _delete(self, account: Account, stray: Machine) -> None:
        leak = await self._note_leak(account, stray)
        log = ActionLog.begin(
            ActionType.PROVIDER_TERMINATE,
            id=ActionLogId(self.new_id()),
            actor=PLATFORM,
            organization_id=OrganizationId(stray.tag.organization_id),
            instance_id=stray.tag.instance_id,
            at=self.clock.now(),
            metadata={
                "zone": stray.zone,
                "provider_instance_id": stray.id,
                "reason": LeakReason.STRAY,
                **leaked(leak, at=self.clock.now()),
            },
        )
        outcome = await account.cloud.delete(stray.id, zone=stray.zone)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            if isinstance(outcome, Denied | Throttled | Unknown):
                failed = log.fail(code="PROVIDER_TERMINATE_FAILED", message=said(outcome), at=now)
                await record(failed, work)
                return
            await record(log.succeed(at=now), work)
            await self._note_rental(stray, work, at=now)

    async def _note_leak(self, account: Account, stray: Machine) -> Leak:
        """Note that it costs: since its instance was over, or ever, where nobody knows of one."""
        since = stray.created_at
        async with self.unit_of_work() as work:
            with suppress(InstanceNotFound):
                instance = await work.instances.lock(InstanceId(stray.tag.instance_id), owner=None)
                since = max(since, instance.terminated_at or since)
            return await begin_leak(
                stray,
                work,
                provider_code=account.provider_code,
                reason=LeakReason.STRAY,
                since=since,
                new_id=self.new_id,
            )

    async def _note_rental(self, stray: Machine, work: OrchestrationWork, *, at: datetime) -> None:
        """Note what a machine has cost that nobody knew of, if it is known for whom it was."""
        with suppress(InstanceNotFound):
            instance = await work.instances.lock(InstanceId(stray.tag.instance_id), owner=None)
            await begin_rental(
                instance, stray.id, work, created_at=stray.created_at, at=at, new_id=self.new_id
            )
            await end_rentals(
                instance,
                work,
                machine_id=stray.id,
                reason=StopReason.TERMINATION_CONFIRMED,
                at=at,
                new_id=self.new_id,
            )
