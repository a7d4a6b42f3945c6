"""Renting machines, in memory."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from uuid import UUID

from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    ActionOutcome,
    CheckOutcome,
    Created,
    CreateOutcome,
    FindOutcome,
    Found,
    Listed,
    ListOutcome,
    Machine,
    MachineOrder,
    MachineState,
    MachineTag,
    Offer,
    Offered,
    OffersOutcome,
    Unknown,
    Volume,
    WorkerSetup,
)
from inventiv_core.cloud.errors import NoCloudAdapter
from inventiv_core.cloud.ports import (
    Account,
    ChecksCredentials,
    CloudProvider,
    Clouds,
    ForgetsSetups,
    ReinstallsMachines,
    SellsMachines,
)
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import Secret

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLost:
    """The provider did what was asked, but its answer never arrived: the caller sees `Unknown`."""


class Script(Generic[Outcome]):
    """What one operation answers next, instead of doing its work; afterwards it works again."""

    def __init__(self) -> None:
        self._instead: deque[Outcome | AnswerLost] = deque()

    def add(self, *outcomes: Outcome | AnswerLost) -> None:
        """Answer each of these once, in this order."""
        self._instead.extend(outcomes)

    def play(self, work: Callable[[], Outcome]) -> Outcome | Unknown:
        """Return the next scripted answer, or, without one, what ``work`` returns."""
        if not self._instead:
            return work()
        outcome = self._instead.popleft()
        if isinstance(outcome, AnswerLost):
            work()
            return Unknown(detail="The answer was lost.")
        return outcome


class MemoryCloud(
    CloudProvider, SellsMachines, ChecksCredentials, ForgetsSetups, ReinstallsMachines
):
    """Machines in a dictionary: running as soon as they are started, gone as soon as deleted.

    Any credentials will do.

    A test may look at ``machines`` and ``orders``, change them, and say with a
    `Script` what the next calls answer: ``cloud.next_create.add(AnswerLost())``.
    """

    def __init__(self, *, clock: Clock, new_id: NewId) -> None:
        self._clock = clock
        self._new_id = new_id
        self.machines: dict[str, Machine] = {}
        """Every machine that is rented now, oldest first."""
        self.orders: list[MachineOrder] = []
        """Every order that led to a machine, whether or not the machine is still there."""
        self.offered: tuple[Offer, ...] = ()
        """What is on offer."""
        self.next_create: Script[CreateOutcome] = Script()
        self.next_find: Script[FindOutcome] = Script()
        self.next_start: Script[ActionOutcome] = Script()
        self.next_delete: Script[ActionOutcome] = Script()
        self.next_list: Script[ListOutcome] = Script()
        self.next_offers: Script[OffersOutcome] = Script()
        self.next_check: Script[CheckOutcome] = Script()
        self.next_forget: Script[ActionOutcome] = Script()
        self.next_reinstall: Script[ActionOutcome] = Script()
        self.reinstalled: list[str] = []
        """The ids of machines that were told to start anew, each time."""
        self.setups: dict[str, WorkerSetup] = {}
        """What each machine was told last, by its id."""
        self.volumes: tuple[Volume, ...] = ()
        """The disks that machines are rented with from now on."""
        self.forgotten: list[str] = []
        """The ids of machines of which nobody can read any more what they were told."""
        self.checked: list[Mapping[str, Secret]] = []
        """All credentials that somebody wanted to try, in order."""

    async def create(self, order: MachineOrder) -> CreateOutcome:
        return self.next_create.play(lambda: self._create(order))

    async def find(self, tag: MachineTag, *, zone: str) -> FindOutcome:
        return self.next_find.play(lambda: self._find(tag, zone))

    async def start(self, machine_id: str, *, zone: str) -> ActionOutcome:
        return self.next_start.play(lambda: self._start(machine_id, zone))

    async def delete(self, machine_id: str, *, zone: str) -> ActionOutcome:
        return self.next_delete.play(lambda: self._delete(machine_id, zone))

    async def list(self, installation_id: UUID) -> ListOutcome:
        return self.next_list.play(lambda: self._list(installation_id))

    async def offers(self) -> OffersOutcome:
        return self.next_offers.play(lambda: Offered(offers=self.offered))

    async def check_credentials(self, credentials: Mapping[str, Secret]) -> CheckOutcome:
        self.checked.append(credentials)
        return self.next_check.play(Accepted)

    async def forget_setup(self, machine_id: str, *, zone: str) -> ActionOutcome:
        return self.next_forget.play(lambda: self._forget(machine_id, zone))

    async def reinstall(self, machine_id: str, *, zone: str, setup: WorkerSetup) -> ActionOutcome:
        return self.next_reinstall.play(lambda: self._reinstall(machine_id, zone, setup))

    def _reinstall(self, machine_id: str, zone: str, setup: WorkerSetup) -> ActionOutcome:
        outcome = self._start(machine_id, zone)
        if isinstance(outcome, Accepted):
            self.reinstalled.append(machine_id)
            self.setups[machine_id] = setup
        return outcome

    def _forget(self, machine_id: str, zone: str) -> ActionOutcome:
        machine = self.machines.get(machine_id)
        if machine is None or machine.zone != zone:
            return Absent()
        self.forgotten.append(machine_id)
        return Accepted()

    def _create(self, order: MachineOrder) -> CreateOutcome:
        machine = Machine(
            id=f"memory-{self._new_id()}",
            zone=order.zone,
            instance_type=order.instance_type,
            tag=order.tag,
            state=MachineState.STOPPED,
            ip_address=None,
            created_at=self._clock.now(),
            volumes=self.volumes,
        )
        self.machines[machine.id] = machine
        self.orders.append(order)
        self.setups[machine.id] = order.setup
        return Created(machine=machine)

    def _find(self, tag: MachineTag, zone: str) -> FindOutcome:
        machines = tuple(m for m in self.machines.values() if (m.tag, m.zone) == (tag, zone))
        return Found(machines=machines) if machines else Absent()

    def _start(self, machine_id: str, zone: str) -> ActionOutcome:
        machine = self.machines.get(machine_id)
        if machine is None or machine.zone != zone:
            return Absent()
        running = replace(machine, state=MachineState.RUNNING, ip_address="127.0.0.1")
        self.machines[machine_id] = running
        return Accepted()

    def _delete(self, machine_id: str, zone: str) -> ActionOutcome:
        machine = self.machines.get(machine_id)
        if machine is None or machine.zone != zone:
            return Absent()
        del self.machines[machine_id]
        return Accepted()

    def _list(self, installation_id: UUID) -> ListOutcome:
        machines = self.machines.values()
        return Listed(
            machines=tuple(m for m in machines if m.tag.installation_id == installation_id)
        )


class FixedClouds(Clouds):
    """One account per provider, the same for every organization."""

    def __init__(self, accounts: Mapping[str, CloudProvider]) -> None:
        """Take the accounts by provider code; two codes may share an account."""
        self._accounts = dict(accounts)

    async def of(
        self,
        provider_code: str,
        *,
        organization_id: UUID,  # noqa: ARG002 - they share the account
    ) -> CloudProvider:
        if provider_code not in self._accounts:
            raise NoCloudAdapter(provider_code=provider_code)
        return self._accounts[provider_code]

    async def sellers(self) -> Mapping[str, SellsMachines]:
        return {
            code: account
            for code, account in self._accounts.items()
            if isinstance(account, SellsMachines)
        }

    async def accounts(self) -> tuple[Account, ...]:
        accounts: dict[int, Account] = {}
        for code, cloud in self._accounts.items():
            accounts.setdefault(id(cloud), Account(provider_code=code, cloud=cloud))
        return tuple(accounts.values())
