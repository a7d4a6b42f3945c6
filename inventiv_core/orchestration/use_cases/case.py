"""One instance on the reconciler's desk: what is known, and the tools to act on it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionStatus, ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.cloud.entities import (
    Denied,
    Machine,
    MachineNeeds,
    MachineState,
    MachineTag,
    Throttled,
    Trouble,
    Unknown,
    WorkerSetup,
)
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.finops.entities.leaks import Leak, LeakReason
from inventiv_core.finops.events import StopReason
from inventiv_core.finops.use_cases.leaks import begin_leak
from inventiv_core.finops.use_cases.rentals import begin_rental, end_rentals
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import (
    STARTING_UP,
    ErrorCode,
    Instance,
    InstanceStatus,
    Lease,
)
from inventiv_core.instances.use_cases import change
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import Secret
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import recommended_volume_gb
from inventiv_core.orchestration.entities import Next, Patience, keeper
from inventiv_core.orchestration.events import Doubt, MassLossDoubted
from inventiv_core.orchestration.ports import EngineProbe, OrchestrationWork, SituationQueries
from inventiv_core.orchestration.views import Particulars, Situation
from inventiv_core.storages.use_cases import note_storages
from inventiv_core.workers.entities import Worker
from inventiv_core.workers.ports import EngineKeys, WorkerTokens
from inventiv_core.workers.use_cases.tokens import new_token

_ASKED_OF_PROVIDER = (
    ActionType.PROVIDER_CREATE,
    ActionType.PROVIDER_START,
    ActionType.PROVIDER_TERMINATE,
)
_INTERRUPTED = "Whoever began this is gone."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every step may need."""

    unit_of_work: UnitOfWork[OrchestrationWork]
    clock: Clock
    new_id: NewId
    patience: Patience
    situation_queries: SituationQueries
    engine_probe: EngineProbe
    worker_tokens: WorkerTokens
    engine_keys: EngineKeys
    control_plane_url: str
    heartbeat_interval_s: int
    installation_id: UUID
    needs: MachineNeeds
    """What a machine of this organization needs, whatever its model."""
    default_volume_gb: int
    """Room on a machine whose model says nothing of it."""


@dataclass(slots=True, kw_only=True)
class Moment:
    """The inside of a unit of work that holds the lease: the instance as it is right now."""

    work: OrchestrationWork
    instance: Instance
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One instance, and the right to work on it; with nobody to rent from."""

    tools: Tools
    lease: Lease
    situation: Situation

    @property
    def instance(self) -> Instance:
        """The instance as it was when the case was opened."""
        return self.situation.instance

    @property
    def particulars(self) -> Particulars:
        """How providers and engines call what the instance consists of."""
        return self.situation.particulars

    @property
    def worker(self) -> Worker | None:
        """What the worker said, if it has been heard of since the machine was last started."""
        worker, booted = self.situation.worker, self.instance.boot_started_at
        if worker is None or booted is None or worker.last_heartbeat_at < booted:
            return None
        return worker

    @property
    def tag(self) -> MachineTag:
        """What is written on the machine of this instance."""
        return MachineTag(
            installation_id=self.tools.installation_id,
            organization_id=self.instance.organization_id,
            instance_id=self.instance.id,
        )

    @property
    def overdue(self) -> bool:
        """Whether the instance has been in its status for longer than it may."""
        is_starting = self.instance.status in STARTING_UP
        return is_starting and self.age >= self.tools.patience.startup

    @property
    def age(self) -> timedelta:
        """How long the instance has been in its status."""
        return self.tools.clock.now() - self.instance.status_since

    @asynccontextmanager
    async def moment(self) -> AsyncGenerator[Moment]:
        """Open a unit of work in which nobody else can touch the instance.

        Raises:
            LeaseLost: Somebody else works on the instance now; nothing was changed.
        """
        now = self.tools.clock.now()
        async with self.tools.unit_of_work() as work:
            # first the instance, then its lease, as everybody does: else two would wait for ever
            instance = await work.instances.lock(self.instance.id, owner=None)
            await work.leases.hold(self.lease, now=now)
            yield Moment(work=work, instance=instance, now=now)

    async def alter(self, moment: Moment, after: Instance, *, reason: str) -> None:
        """Store ``after`` in place of the moment's instance."""
        await change(moment.instance, after, moment.work, reason=reason, at=moment.now)
        moment.instance = after

    async def room_gb(self, moment: Moment) -> int:
        """Return how large a data volume a machine of the instance has, as it is ordered."""
        model = await moment.work.models.find(moment.instance.model_id)
        default_gb = self.tools.default_volume_gb
        return default_gb if model is None else recommended_volume_gb(model, default_gb=default_gb)

    async def setup(self, moment: Moment) -> WorkerSetup:
        """Return what the machine must know, its secrets included: the same at each attempt."""
        known = await moment.work.worker_tokens.find(self.instance.id)
        generation = 1 if known is None else known.generation
        token, kept = new_token(
            self.instance.id, generation, self.tools.worker_tokens, at=moment.now
        )
        if known is None:
            await moment.work.worker_tokens.put(kept)
        return WorkerSetup(
            control_plane_url=self.tools.control_plane_url,
            instance_id=self.instance.id,
            model_id=self.particulars.model_id,
            auth_token=token,
            heartbeat_interval_s=self.tools.heartbeat_interval_s,
            engine_key=self.engine_key(moment.instance).reveal(),
        )

    def engine_key(self, instance: Instance) -> Secret:
        """Return what the engine of the instance wants from whoever calls it."""
        return self.tools.engine_keys.derive(instance.id, instance.life)

    async def note_rental(self, moment: Moment, machine: Machine) -> None:
        """Note that the provider bills a machine; again is not news."""
        await begin_rental(
            moment.instance,
            machine.id,
            moment.work,
            created_at=machine.created_at,
            at=moment.now,
            new_id=self.tools.new_id,
            volumes_gb=await self.room_gb(moment),
        )

    async def note_storages(self, moment: Moment, machine: Machine) -> None:
        """Note what disks the machine has."""
        await note_storages(
            moment.instance.id,
            machine.volumes,
            moment.work,
            at=moment.now,
            new_id=self.tools.new_id,
        )

    async def note_rental_over(
        self, moment: Moment, machine_id: str, *, reason: StopReason
    ) -> None:
        """Note that the provider bills a machine no longer, while the instance goes on."""
        await end_rentals(
            moment.instance,
            moment.work,
            machine_id=machine_id,
            reason=reason,
            at=moment.now,
            new_id=self.tools.new_id,
        )

    def begin(
        self, moment: Moment, action: ActionType, metadata: Mapping[str, Any] | None = None
    ) -> ActionLog:
        """Return the log of something that begins now; it is not recorded yet."""
        return ActionLog.begin(
            action,
            id=ActionLogId(self.tools.new_id()),
            actor=PLATFORM,
            organization_id=moment.instance.organization_id,
            instance_id=moment.instance.id,
            at=moment.now,
            status_before=self.instance.status,
            metadata=metadata,
        )

    async def start_action(
        self, moment: Moment, action: ActionType, metadata: Mapping[str, Any] | None = None
    ) -> ActionLog:
        """Record that something begins. One of the kind that never ended was cut off."""
        await self.fail_open(moment, action, ErrorCode.INTERRUPTED, _INTERRUPTED)
        log = self.begin(moment, action, metadata)
        await record(log, moment.work)
        return log

    async def note(
        self, moment: Moment, action: ActionType, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Record something that is done as soon as it is begun."""
        log = self.begin(moment, action, metadata)
        await record(log.succeed(at=moment.now, status_after=moment.instance.status), moment.work)

    async def succeed(
        self, moment: Moment, log: ActionLog, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Record that an action is done."""
        ended = log.succeed(at=moment.now, status_after=moment.instance.status, metadata=metadata)
        await record(ended, moment.work)

    async def fail(self, moment: Moment, log: ActionLog, *, code: str, message: str) -> None:
        """Record that an action did not work."""
        ended = log.fail(
            code=code, message=message, at=moment.now, status_after=moment.instance.status
        )
        await record(ended, moment.work)

    async def open_action(self, moment: Moment, action: ActionType) -> ActionLog | None:
        """Return the newest action of that kind, if it has not ended."""
        last = await moment.work.action_logs.last(moment.instance.id, action)
        if last is None or last.status is not ActionStatus.IN_PROGRESS:
            return None
        return last

    async def fail_open(
        self, moment: Moment, action: ActionType, code: ErrorCode, message: str
    ) -> None:
        """Record the end of an action that will never come to a better one."""
        last = await self.open_action(moment, action)
        if last is not None:
            await self.fail(moment, last, code=code, message=message)

    async def close_interrupted(self, moment: Moment) -> None:
        """Record the end of what was asked of the provider by somebody who was then cut off."""
        for action in _ASKED_OF_PROVIDER:
            await self.fail_open(moment, action, ErrorCode.INTERRUPTED, _INTERRUPTED)

    async def may_be_rented(self, moment: Moment) -> bool:
        """Tell whether there may be a machine: one is known, or somebody has asked for one."""
        asked = await moment.work.action_logs.last(self.instance.id, ActionType.PROVIDER_CREATE)
        return asked is not None or moment.instance.provider_instance_id is not None

    def trouble(self, outcome: Trouble) -> Next:
        """Return when to look again after such an answer."""
        match outcome:
            case Throttled(retry_after=retry_after):
                return Next(after=retry_after or self.tools.patience.poll, trouble=True)
            case Denied() | Unknown():
                return Next(after=self.tools.patience.poll, trouble=True)

    async def give_up(self, code: ErrorCode, message: str) -> Next:
        """Say that the instance did not get ready in time. Its machine is kept a while."""
        async with self.moment() as moment:
            if moment.instance.status is not self.instance.status:
                return Next(after=self.tools.patience.poll)
            failed = moment.instance.fail(
                InstanceStatus.STARTUP_FAILED, code=code, message=message, at=moment.now
            )
            await self.alter(moment, failed, reason=message)
            log = self.begin(moment, ActionType.INSTANCE_STARTUP_FAILED)
            await self.fail(moment, log, code=code, message=message)
            await self.fail_open(moment, ActionType.EXECUTE_CREATE, code, message)
            await self.fail_open(moment, ActionType.EXECUTE_REINSTALL, code, message)
        return Next(after=self.tools.patience.keep_failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Desk):
    """One instance, the right to work on it, and the account its machine is rented on."""

    cloud: CloudProvider

    async def missing(self, *, apart: timedelta) -> bool:
        """Note that the provider says there is no machine; tell whether to believe it.

        It takes two definite answers, so long ``apart``.
        """
        since = self.instance.missing_since
        if since is not None:
            return self.tools.clock.now() - since >= apart
        async with self.moment() as moment:
            after = moment.instance.change(missing_since=moment.now)
            await moment.work.instances.save(moment.instance, after, reason="")
        return False

    async def doubted(self) -> bool:
        """Tell whether too many machines of this provider are missing to believe it; say so."""
        now, patience = self.tools.clock.now(), self.tools.patience
        losses = await self.tools.situation_queries.losses(
            self.instance.provider_id, since=now - patience.losses_remembered
        )
        if not patience.doubts(losses.lost, fleet=losses.fleet):
            return False
        async with self.tools.unit_of_work() as work:
            await work.outbox.add(
                MassLossDoubted(
                    doubt=Doubt.VANISHED,
                    provider_code=self.particulars.provider_code,
                    lost=losses.lost,
                    fleet=losses.fleet,
                    occurred_at=now,
                )
            )
        return True

    async def present(self) -> None:
        """Note that the provider does know the machine."""
        if self.instance.missing_since is None:
            return
        async with self.moment() as moment:
            after = moment.instance.change(missing_since=None)
            await moment.work.instances.save(moment.instance, after, reason="")

    def knows_one_of(self, machines: tuple[Machine, ...]) -> bool:
        """Tell whether the recorded machine is among these."""
        return any(machine.id == self.instance.provider_instance_id for machine in machines)

    async def keep_one(self, machines: tuple[Machine, ...]) -> Machine:
        """Return the machine of this instance, and have all others deleted."""
        kept = keeper(machines, self.instance.provider_instance_id)
        for machine in machines:
            if machine.id != kept.id and machine.state is not MachineState.STOPPING:
                await self.delete(machine, reason=LeakReason.DUPLICATE)
        return kept

    async def delete(self, machine: Machine, *, reason: LeakReason) -> Next:
        """Stop renting a machine that is not wanted any more: until it is gone, money leaks."""
        async with self.moment() as moment:
            await self.note_rental(moment, machine)
            is_double = reason is LeakReason.DUPLICATE
            leak = await begin_leak(
                machine,
                moment.work,
                provider_code=self.particulars.provider_code,
                reason=reason,
                since=machine.created_at if is_double else moment.instance.status_since,
                new_id=self.tools.new_id,
                volumes_gb=await self.room_gb(moment),
            )
            log = await self.start_action(
                moment,
                ActionType.PROVIDER_TERMINATE,
                {
                    "zone": machine.zone,
                    "provider_instance_id": machine.id,
                    "reason": reason,
                    **leaked(leak, at=moment.now),
                },
            )
        outcome = await self.cloud.delete(machine.id, zone=machine.zone)
        async with self.moment() as moment:
            if isinstance(outcome, Denied | Throttled | Unknown):
                await self.fail(
                    moment, log, code="PROVIDER_TERMINATE_FAILED", message=said(outcome)
                )
                return self.trouble(outcome)
            await self.succeed(moment, log)
            if machine.id != moment.instance.provider_instance_id:  # of a double, nobody asks again
                await self.note_rental_over(
                    moment, machine.id, reason=StopReason.TERMINATION_CONFIRMED
                )
                await moment.work.leaks.end(
                    moment.instance.id, machine_id=machine.id, at=moment.now
                )
        return Next(after=self.tools.patience.poll)


def leaked(leak: Leak, *, at: datetime) -> Mapping[str, str]:
    """Return what the log of a deletion says of the money."""
    return {"unwanted_since": leak.since.isoformat(), "leaked_eur": f"{leak.eur(at):.6f}"}


def said(outcome: Trouble) -> str:
    """Return what a provider's answer means, in a sentence."""
    match outcome:
        case Denied(detail=detail):
            return f"The provider did not accept our credentials: {detail}"
        case Throttled():
            return "The provider says that we ask too often."
        case Unknown(detail=detail):
            return f"The provider gave no answer that can be trusted: {detail}"
