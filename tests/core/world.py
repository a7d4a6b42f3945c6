"""A whole control plane in memory, whose time, machines and accidents a test decides."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Self

from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud, Script
from inventiv_adapters.instances.memory import History
from inventiv_adapters.kernel.chance import SeededChance
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import INSTALLATION_ID, MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.orchestration.memory import HealthyEngines, MemorySituationQueries
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_adapters.workers.keys import DerivedEngineKeys
from inventiv_adapters.workers.memory import MemoryWorkerQueries
from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.action_logs.entities import ActionLog, ActionStatus, ActionType
from inventiv_core.cloud.entities import Machine, MachineState, MachineTag, WorkerSetup
from inventiv_core.deployments.use_cases.deployments import CreateDeployment
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus, Lease
from inventiv_core.instances.use_cases import TerminateInstance
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.events import DomainEvent
from inventiv_core.observability.entities import MeasurementQueue
from inventiv_core.orchestration.entities import Patience
from inventiv_core.orchestration.use_cases.reconciling import (
    ClaimInstances,
    ReconcileInstance,
    RenewLease,
)
from inventiv_core.orchestration.use_cases.reinstalling import ReinstallInstance
from inventiv_core.orchestration.use_cases.sweeping import SweepMachines
from inventiv_core.settings.definitions import WORKER_STARTUP
from inventiv_core.settings.entities import Value
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_core.workers.entities import WorkerCaller, WorkerReport, WorkerStatus, engine_url
from inventiv_core.workers.use_cases.heartbeats import FlushHeartbeats, Heartbeat, Roster
from inventiv_core.workers.use_cases.registrations import RegisterWorker
from tests.builders import ACME, NOON, Market, an_actor, given_teams
from tests.core.accidents import Accidents, Killed, MortalCloud, MortalUnitOfWork

ENGINE = engine_url("127.0.0.1", None)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HEARTBEAT_S = 10
GOOD_FOR_ALL = "a token for all workers of the tests"
_MOST_LOOKS = 2_000


class World:
    """Use cases over memory, and the machines outside with their agents."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.new_id = SerialIds()
        self.database = MemoryDatabase()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        self.cloud = MemoryCloud(clock=self.clock, new_id=self.new_id)
        self.engines = HealthyEngines()
        self.patience = Patience(startup=10 * MINUTE)
        self.environment: dict[str, Value] = {WORKER_STARTUP: 600}
        """What the environment says of settings, by key."""
        self.effective_settings = EffectiveSettings(
            MemorySettingQueries(self.database), clock=self.clock, environment=self.environment
        )
        self.accidents = Accidents()
        self.market = Market()
        self.agents_work = True
        """Whether the agents on the machines report."""
        self.report = WorkerReport(status=WorkerStatus.READY, model_id=self.market.model.model_id)
        """What they say once they have registered."""
        self.roster = Roster()
        self.measurement_queue = MeasurementQueue()
        self.told: list[DomainEvent] = []
        """What was told before time passed last."""
        self.engine_keys = DerivedEngineKeys("a secret for tests only")
        self._agents: dict[str, WorkerSetup | None] = {}
        """What the agents were told that have registered, by machine."""
        self._tokens: dict[InstanceId, str] = {}
        """What machines were given that nobody had told their token."""
        self._next_beat = NOON
        self._wire()

    def _wire(self) -> None:
        unit_of_work = MortalUnitOfWork(self.unit_of_work, self.accidents)
        situations = MemorySituationQueries(self.database)
        cloud = MortalCloud(self.cloud, self.accidents)
        self.clouds = FixedClouds({self.market.provider.code: cloud})
        tokens = DerivedWorkerTokens("a secret for tests only", good_for_all=GOOD_FOR_ALL)
        common: dict[str, Any] = {"clock": self.clock, "new_id": self.new_id}
        self.deploy_model = CreateDeployment(unit_of_work=self.unit_of_work, **common)
        self.terminate_instance = TerminateInstance(unit_of_work=self.unit_of_work, **common)
        self.register = RegisterWorker(
            unit_of_work=self.unit_of_work,
            clock=self.clock,
            worker_tokens=tokens,
            roster=self.roster,
        )
        self.heartbeat = Heartbeat(
            unit_of_work=self.unit_of_work,
            worker_queries=MemoryWorkerQueries(self.database),
            worker_tokens=tokens,
            roster=self.roster,
            measurement_queue=self.measurement_queue,
            clock=self.clock,
        )
        self.flush_heartbeats = FlushHeartbeats(
            unit_of_work=self.unit_of_work, roster=self.roster, clock=self.clock
        )
        self.reinstall_instance = ReinstallInstance(
            unit_of_work=self.unit_of_work,
            situation_queries=situations,
            clouds=self.clouds,
            worker_tokens=tokens,
            **common,
        )
        self.claim = ClaimInstances(
            unit_of_work=unit_of_work, clock=self.clock, patience=self.patience
        )
        self.renew = RenewLease(unit_of_work=unit_of_work, clock=self.clock, patience=self.patience)
        self.reconcile = ReconcileInstance(
            unit_of_work=unit_of_work,
            situation_queries=situations,
            clouds=self.clouds,
            engine_probe=self.engines,
            worker_tokens=tokens,
            engine_keys=self.engine_keys,
            chance=SeededChance(0),
            patience=self.patience,
            effective_settings=self.effective_settings,
            control_plane_url="http://control.plane",
            heartbeat_interval_s=HEARTBEAT_S,
            hub_token=None,
            **common,
        )
        self.sweep_machines = SweepMachines(
            unit_of_work=unit_of_work,
            situation_queries=situations,
            clouds=self.clouds,
            patience=self.patience,
            **common,
        )

    @classmethod
    async def build(cls) -> Self:
        """Return a world with two organizations, one market, and engines that serve its model."""
        world = cls()
        await given_teams(world.unit_of_work, *world.market.everything)
        world.engines.serving[ENGINE] = (world.market.model.model_id,)
        return world

    async def deploy(self) -> InstanceId:
        deployment = await self.deploy_model(self.market.request(), actor=an_actor())
        return InstanceId(deployment.instance_id)

    async def deploy_until(self, status: InstanceStatus) -> InstanceId:
        """Deploy, and let the instance go on until it has that status."""
        instance_id = await self.deploy()
        await self.run_until(instance_id, status)
        return instance_id

    async def terminate(self, instance_id: InstanceId) -> None:
        await self.terminate_instance(instance_id, actor=an_actor())

    async def reinstall(self, instance_id: InstanceId) -> None:
        await self.reinstall_instance(instance_id, actor=an_actor())

    async def run(self, period: timedelta) -> None:
        """Do all that becomes due within ``period``, each thing when it is due."""
        end = self.clock.now() + period
        await self._run(end, lambda: False)

    async def run_until(self, instance_id: InstanceId, status: InstanceStatus) -> None:
        """Do what is due until the instance has that status, which must take less than a day."""
        end = self.clock.now() + timedelta(days=1)
        await self._run(end, lambda: self.status(instance_id) is status)
        assert self.status(instance_id) is status, self.history(instance_id)

    async def _run(self, end: datetime, is_enough: Callable[[], bool]) -> None:
        for _ in range(_MOST_LOOKS):
            if is_enough():
                return
            await self.beat()
            if not await self.look():
                if self.clock.now() >= end:
                    return
                await self._wait(end)
        message = "The reconciler is in a busy loop."
        raise AssertionError(message)

    async def look(self) -> bool:
        """Have one look at what is due now; tell whether anything was."""
        try:
            claimed = await self.claim(limit=1, actor=PLATFORM)
            for lease in claimed.leases:
                await self.reconcile(lease, actor=PLATFORM)
        except Killed:
            return True
        return bool(claimed.leases)

    async def wake(self, instance_id: InstanceId) -> None:
        """Have the instance looked at now, as those do who have news of it."""
        async with self.unit_of_work() as work:
            await work.leases.schedule(instance_id, at=self.clock.now())

    async def take(self) -> Lease:
        """Claim the one instance that is due."""
        [lease] = (await self.claim(limit=1, actor=PLATFORM)).leases
        return lease

    async def _wait(self, end: datetime) -> None:
        now = self.clock.now()
        async with self.unit_of_work() as work:
            due = await work.leases.next_due(now=now)
        pauses = [end - now, due or end - now]
        if self._reporting():
            pauses.append(self._next_beat - now)
        self.clock.advance(max(min(pauses), timedelta(milliseconds=1)))
        self.told += [message.event for message in self.database.outbox]
        self.database.outbox.clear()

    def _reporting(self) -> list[Machine]:
        machines = self.cloud.machines.values() if self.agents_work else ()
        return [machine for machine in machines if machine.state is MachineState.RUNNING]

    async def beat(self) -> None:
        """Have each agent report, if it is time: at first for duty, then that all is well."""
        now = self.clock.now()
        if now < self._next_beat:
            return
        self._next_beat = now + HEARTBEAT_S * SECOND
        for machine in self._reporting():
            with suppress(DomainError):
                await self._report(machine, InstanceId(machine.tag.instance_id))
        await self.flush_heartbeats(actor=PLATFORM)

    async def _report(self, machine: Machine, instance_id: InstanceId) -> None:
        setup = self.cloud.setups.get(machine.id)
        token = self._tokens.get(instance_id) if setup is None else setup.auth_token
        caller = WorkerCaller(token=token, ip_address=machine.ip_address)
        if machine.id not in self._agents or self._agents[machine.id] != setup:
            answer = await self.register(instance_id, WorkerReport(), actor=caller)
            self._agents[machine.id] = setup
            if answer.bootstrap_token is not None:
                self._tokens[instance_id] = answer.bootstrap_token
            return
        await self.heartbeat(instance_id, self.report, actor=caller)

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.accidents.forget()
        self.agents_work = True
        self.engines.serving[ENGINE] = (self.market.model.model_id,)
        self.cloud.next_create, self.cloud.next_find = Script(), Script()
        self.cloud.next_start, self.cloud.next_delete = Script(), Script()
        self.cloud.next_list, self.cloud.next_reinstall = Script(), Script()

    def instance(self, instance_id: InstanceId) -> Instance:
        return self.database.table(Instance)[instance_id]

    def status(self, instance_id: InstanceId) -> InstanceStatus:
        return self.instance(instance_id).status

    def history(self, instance_id: InstanceId) -> list[InstanceStatus]:
        """Return every status the instance has had, oldest first."""
        changes = self.database.table(History)[instance_id].changes
        return [change.to_status for change in changes]

    def logs(self, action_type: ActionType | None = None) -> list[ActionLog]:
        """Return what was done, oldest first."""
        logs = self.database.table(ActionLog).values()
        return [log for log in logs if action_type in {None, log.action_type}]

    def failures(self) -> list[tuple[ActionType, str | None]]:
        """Return what did not work, and why."""
        return [
            (log.action_type, log.error_code)
            for log in self.logs()
            if log.status is ActionStatus.FAILED
        ]

    def unfinished(self) -> list[ActionType]:
        """Return the actions that nobody has said the end of."""
        return [log.action_type for log in self.logs() if log.status is ActionStatus.IN_PROGRESS]

    def machines_of(self, instance_id: InstanceId) -> list[Machine]:
        return [m for m in self.cloud.machines.values() if m.tag.instance_id == instance_id]

    def rent(
        self, instance_id: InstanceId, *, tag: MachineTag | None = None, started: bool = False
    ) -> Machine:
        """Rent a machine for the instance behind the control plane's back."""
        tag = tag or MachineTag(
            installation_id=INSTALLATION_ID, organization_id=ACME, instance_id=instance_id
        )
        machine = Machine(
            id=f"by-hand-{self.new_id()}",
            zone=self.market.zone.code,
            instance_type=self.market.kind.code,
            tag=tag,
            state=MachineState.RUNNING if started else MachineState.STOPPED,
            ip_address="127.0.0.1" if started else None,
            created_at=self.clock.now(),
        )
        self.cloud.machines[machine.id] = machine
        return machine
