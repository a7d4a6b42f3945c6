"""The mock cloud's front office: the API its customers call."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from inventiv_adapters.cloud.mock.behaviour import FATES, FaultKind, MockBehaviour
from inventiv_adapters.cloud.mock.ledger import Ledger, Rental, RentalState
from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    ActionOutcome,
    CheckOutcome,
    Created,
    CreateOutcome,
    Denied,
    FindOutcome,
    Found,
    Listed,
    ListOutcome,
    Machine,
    MachineOrder,
    MachineTag,
    Offer,
    Offered,
    OffersOutcome,
    RefusalReason,
    Refused,
    Throttled,
    Trouble,
    Unknown,
    WorkerSetup,
)
from inventiv_core.cloud.ports import (
    ChecksCredentials,
    CloudProvider,
    ReinstallsMachines,
    SellsMachines,
)
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import Secret

Answer = TypeVar("Answer")

OFFER = Offer(
    instance_type="mock-local-instance",
    name="Local Instance",
    region="local",
    zone="local",
    gpu_count=1,
    vram_per_gpu_gb=2,
    cpu_count=4,
    ram_gb=8,
    bandwidth_bps=1_000_000_000,
    cost_per_hour=Decimal(0),
    is_available=True,
)
"""All there is; other types are rented out, too, if an order names one."""

_RETRY_AFTER = timedelta(seconds=1)
_NOBODY = UUID(int=0)


def _nobody() -> None:
    """Wake nobody: a datacenter looks into the ledger by itself, a little later."""


class MockCloud(CloudProvider, SellsMachines, ChecksCredentials, ReinstallsMachines):
    """Rents out the machines of a `Ledger`; a `Datacenter`, here or elsewhere, makes them run."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        behaviour: MockBehaviour,
        clock: Clock,
        new_id: NewId,
        wake: Callable[[], None] = _nobody,
    ) -> None:
        """Take what to call, on the event loop, after each change: ``Datacenter.wake``."""
        self._ledger = ledger
        self._behaviour = behaviour
        self._clock = clock
        self._new_id = new_id
        self._wake = wake
        self._dice = behaviour.dice()

    async def create(self, order: MachineOrder) -> CreateOutcome:
        # Chance is drawn before anything is awaited: in the order of the calls.
        trouble = self._trouble()
        out_of_stock = self._happens(FaultKind.OUT_OF_STOCK)
        answer_is_lost = self._happens(FaultKind.CREATE_LOST)
        fates = frozenset(kind for kind in FATES if self._happens(kind))
        if trouble is not None:
            return trouble
        if out_of_stock:
            detail = f"No {order.instance_type} is left in {order.zone}."
            return Refused(reason=RefusalReason.OUT_OF_STOCK, detail=detail)
        rental = Rental(
            id=f"mock-{self._new_id()}",
            tag=order.tag,
            name=order.name,
            zone=order.zone,
            instance_type=order.instance_type,
            setup=order.setup,
            fates=fates,
            state=RentalState.STOPPED,
            created_at=self._clock.now(),
        )
        added = await self._ask(lambda: self._ledger.add(rental))
        self._wake()
        if isinstance(added, Unknown):
            return added
        if answer_is_lost:
            return Unknown(detail="The connection broke before the answer.")
        return Created(machine=rental.machine())

    async def find(self, tag: MachineTag, *, zone: str) -> FindOutcome:
        if answer := self._trouble() or self._denial():
            return answer
        rentals = await self._ask(lambda: self._ledger.with_tag(tag, zone=zone))
        if isinstance(rentals, Unknown):
            return rentals
        return Found(machines=_machines(rentals)) if rentals else Absent()

    async def start(self, machine_id: str, *, zone: str) -> ActionOutcome:
        if answer := self._trouble() or self._denial():
            return answer
        at = self._clock.now()
        state = await self._ask(lambda: self._ledger.start(machine_id, zone=zone, at=at))
        if state is RentalState.STOPPING:
            return Unknown(detail="The machine is being deleted.")
        return self._acted(state)

    async def reinstall(self, machine_id: str, *, zone: str, setup: WorkerSetup) -> ActionOutcome:
        if answer := self._trouble() or self._denial():
            return answer
        at = self._clock.now()
        state = await self._ask(
            lambda: self._ledger.restart(machine_id, zone=zone, setup=setup, at=at)
        )
        if state is RentalState.STOPPING:
            return Unknown(detail="The machine is being deleted.")
        return self._acted(state)

    async def delete(self, machine_id: str, *, zone: str) -> ActionOutcome:
        if answer := self._trouble() or self._denial():
            return answer
        at = self._clock.now()
        return self._acted(await self._ask(lambda: self._ledger.stop(machine_id, zone=zone, at=at)))

    async def list(self, installation_id: UUID) -> ListOutcome:
        if trouble := self._trouble():
            return trouble
        rentals = await self._ask(lambda: self._ledger.of_installation(installation_id))
        return rentals if isinstance(rentals, Unknown) else Listed(machines=_machines(rentals))

    async def offers(self) -> OffersOutcome:
        return self._trouble() or Offered(offers=(OFFER,))

    async def check_credentials(
        self,
        credentials: Mapping[str, Secret],  # noqa: ARG002 - it lets everybody in
    ) -> CheckOutcome:
        if trouble := self._trouble():
            return trouble
        answer = await self._ask(lambda: self._ledger.of_installation(_NOBODY))
        return answer if isinstance(answer, Unknown) else Accepted()

    def _acted(self, state: RentalState | Unknown | None) -> ActionOutcome:
        if state is None:
            return Absent()
        if isinstance(state, Unknown):
            return state
        self._wake()
        return Accepted()

    def _denial(self) -> Absent | None:
        """Draw whether we do not know a machine, of all that can be asked about one."""
        return Absent() if self._happens(FaultKind.NOT_FOUND) else None

    def _happens(self, kind: FaultKind) -> bool:
        return self._dice.random() < self._behaviour.probability(kind)

    def _trouble(self) -> Trouble | None:
        """Draw what may befall any call."""
        denied, throttled, broken = (
            self._happens(FaultKind.DENIED),
            self._happens(FaultKind.THROTTLED),
            self._happens(FaultKind.SERVER_ERROR),
        )
        if denied:
            return Denied(detail="The mock cloud does not accept these credentials.")
        if throttled:
            return Throttled(retry_after=_RETRY_AFTER)
        if broken:
            return Unknown(detail="The mock cloud failed: 500.")
        return None

    async def _ask(self, ledger: Callable[[], Answer]) -> Answer | Unknown:
        """Ask the ledger in a thread; a file that is busy or broken for long is no answer."""
        import sqlite3  # noqa: PLC0415 - only for those who rent here

        try:
            return await asyncio.to_thread(ledger)
        except sqlite3.OperationalError as error:
            return Unknown(detail=f"The ledger did not answer: {error}.")


def _machines(rentals: Sequence[Rental]) -> tuple[Machine, ...]:
    return tuple(rental.machine() for rental in rentals)
