"""What we need from those who rent out machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

from inventiv_core.cloud.entities import (
    ActionOutcome,
    CheckOutcome,
    CreateOutcome,
    FindOutcome,
    ListOutcome,
    MachineOrder,
    MachineTag,
    OffersOutcome,
    WorkerSetup,
)
from inventiv_core.kernel.secrets import Secret


class CloudProvider(Protocol):
    """One account at one provider: the abilities that every provider must have.

    No method raises for what a provider may answer. Each has a deadline of its own,
    after which the outcome is `Unknown`.
    """

    async def create(self, order: MachineOrder) -> CreateOutcome:
        """Rent a machine and write ``order.tag`` on it; it need not be running yet.

        Not idempotent: look the tag up first, and again after `Unknown`.
        """
        ...

    async def find(self, tag: MachineTag, *, zone: str) -> FindOutcome:
        """Return every machine with exactly this tag, oldest first.

        A machine is findable from the moment `create` answers until it is gone, with
        everything that was rented for it.
        """
        ...

    async def start(self, machine_id: str, *, zone: str) -> ActionOutcome:
        """Power the machine on. `Accepted` too when it is already on.

        A machine whose `create` was cut off half-way is no use to anybody: it is deleted
        instead, which is `Absent`.
        """
        ...

    async def delete(self, machine_id: str, *, zone: str) -> ActionOutcome:
        """Stop renting the machine, running or not.

        `Accepted` is not yet gone: `find` tells, and finds what is left, which has to be
        deleted in its turn.
        """
        ...

    async def list(self, installation_id: UUID) -> ListOutcome:
        """Return every machine of that installation, in all zones, whatever its state."""
        ...


@runtime_checkable
class SellsMachines(Protocol):
    """The ability to say what there is to rent. Not every provider has it."""

    async def offers(self) -> OffersOutcome:
        """Return everything on offer, in all zones, sold out or not.

        Has a deadline of its own, after which the outcome is `Unknown`.
        """
        ...


@runtime_checkable
class ChecksCredentials(Protocol):
    """The ability to find out whether credentials are good, which a provider may lack."""

    async def check_credentials(self, credentials: Mapping[str, Secret]) -> CheckOutcome:
        """Try them with one call that changes nothing and costs nothing.

        `Accepted` says that the provider lets in whoever has them. Like all answers, this one
        names no secret.
        """
        ...


@runtime_checkable
class ForgetsSetups(Protocol):
    """The ability to make a provider forget what a machine was told, for it holds a secret."""

    async def forget_setup(self, machine_id: str, *, zone: str) -> ActionOutcome:
        """Have nobody be able to read it any more. `Accepted` too when nobody could."""
        ...


@runtime_checkable
class ReinstallsMachines(Protocol):
    """The ability to have a machine start anew, as when it was rented. A provider may lack it."""

    async def reinstall(self, machine_id: str, *, zone: str, setup: WorkerSetup) -> ActionOutcome:
        """Have it start anew, running or not; its id, tag and price stay what they are.

        It is told ``setup`` instead of what it was told before. To ask again does it again.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account, and at which provider."""

    provider_code: str
    cloud: CloudProvider


class Clouds(Protocol):
    """Where to rent, for whom."""

    async def of(self, provider_code: str, *, organization_id: UUID) -> CloudProvider:
        """Return the organization's account at the provider.

        Raises:
            CloudNotConfigured: There are no credentials.
            NoCloudAdapter: Nor is there an adapter for the provider.
            SecretsKeyMissing: The server has no key to read them with.
            SecretUnreadable: They were stored with another key.
        """
        ...

    async def sellers(self) -> Mapping[str, SellsMachines]:
        """Return whom to ask for offers, by provider code: providers that can say."""
        ...

    async def accounts(self) -> tuple[Account, ...]:
        """Return every account, once each: what a sweep has to look through.

        An account whose credentials cannot be read is in it: it answers that it is `Denied`.
        """
        ...
