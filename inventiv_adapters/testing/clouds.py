"""What `CloudProvider` promises, for whoever writes an adapter.

    class TestMyCloud(CloudProviderContract):
        here, there = "zone-1", "zone-2"

        @pytest.fixture
        def cloud(self) -> CloudProvider:
            return MyCloud(an_account())

Each test gets a ``cloud`` that has rented out nothing. Each further ability of a provider has a
contract of its own, to be inherited beside.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, TypeVar

import pytest

from inventiv_adapters.testing.machines import (
    HERE,
    OURS,
    SECRET,
    THEIRS,
    THERE,
    a_tag,
    an_order,
    eventually,
    rented,
    started,
)
from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    Found,
    Listed,
    Machine,
    MachineOrder,
    MachineState,
    MachineTag,
)
from inventiv_core.cloud.ports import ChecksCredentials, CloudProvider, ReinstallsMachines
from inventiv_core.kernel.secrets import Secret

Result = TypeVar("Result")


@pytest.mark.asyncio
class _Clouds:
    """What tests of a cloud have to know of it."""

    here: ClassVar[str] = HERE
    there: ClassVar[str] = THERE
    """Two zones where `instance_type` can be rented."""
    instance_type: ClassVar[str] = "L4-1-24G"
    no_such_machine: ClassVar[str] = "00000000-0000-4000-8000-0000000000aa"
    """An id that a machine could have, and none has."""
    patience_s: ClassVar[float] = 10.0
    """How long it may take until a machine runs, or is gone."""

    def an_order(
        self, tag: MachineTag | None = None, *, zone: str | None = None, auth_token: str = SECRET
    ) -> MachineOrder:
        """Return an order that the provider can carry out."""
        return an_order(
            tag,
            zone=zone or self.here,
            instance_type=self.instance_type,
            auth_token=auth_token,
        )

    async def rented(self, cloud: CloudProvider, order: MachineOrder | None = None) -> Machine:
        """Rent a machine, which must succeed."""
        return await rented(cloud, order or self.an_order())

    async def started(self, cloud: CloudProvider, order: MachineOrder | None = None) -> Machine:
        """Rent a machine and power it on."""
        return await started(cloud, order or self.an_order())

    async def eventually(self, look: Callable[[], Awaitable[Result | None]]) -> Result:
        """Return the first thing ``look`` returns that is true; fail after `patience_s`."""
        return await eventually(look, within_s=self.patience_s)


class CloudProviderContract(_Clouds):
    """What every provider can do."""

    async def test_a_machine_is_what_was_ordered(self, cloud: CloudProvider) -> None:
        order = self.an_order()
        machine = await self.rented(cloud, order)
        assert (machine.tag, machine.zone, machine.instance_type) == (
            order.tag,
            order.zone,
            order.instance_type,
        )
        assert machine.created_at.utcoffset() is not None

    async def test_a_machine_can_be_found_as_soon_as_it_is_rented(
        self, cloud: CloudProvider
    ) -> None:
        machine = await self.rented(cloud)
        assert await cloud.find(machine.tag, zone=machine.zone) == Found(machines=(machine,))

    async def test_two_machines_with_one_tag_are_both_found_oldest_first(
        self, cloud: CloudProvider
    ) -> None:
        order = self.an_order()
        first, second = await self.rented(cloud, order), await self.rented(cloud, order)
        assert first.id != second.id
        assert await cloud.find(order.tag, zone=order.zone) == Found(machines=(first, second))

    async def test_another_tag_finds_nothing(self, cloud: CloudProvider) -> None:
        machine = await self.rented(cloud)
        assert await cloud.find(a_tag(), zone=machine.zone) == Absent()
        same_instance = a_tag(installation_id=THEIRS, instance_id=machine.tag.instance_id)
        assert await cloud.find(same_instance, zone=machine.zone) == Absent()

    async def test_another_zone_knows_nothing_of_the_machine(self, cloud: CloudProvider) -> None:
        machine = await self.rented(cloud)
        assert await cloud.find(machine.tag, zone=self.there) == Absent()
        assert await cloud.start(machine.id, zone=self.there) == Absent()
        assert await cloud.delete(machine.id, zone=self.there) == Absent()
        assert await cloud.find(machine.tag, zone=machine.zone) == Found(machines=(machine,))

    async def test_a_list_holds_one_installation_in_all_zones(self, cloud: CloudProvider) -> None:
        here = await self.rented(cloud, self.an_order(zone=self.here))
        there = await self.rented(cloud, self.an_order(zone=self.there))
        theirs = await self.rented(cloud, self.an_order(a_tag(installation_id=THEIRS)))
        assert await cloud.list(OURS) == Listed(machines=(here, there))
        assert await cloud.list(THEIRS) == Listed(machines=(theirs,))

    async def test_an_empty_list_is_an_answer(self, cloud: CloudProvider) -> None:
        assert await cloud.list(OURS) == Listed(machines=())

    async def test_a_started_machine_gets_an_address(self, cloud: CloudProvider) -> None:
        machine = await self.rented(cloud)
        assert machine.ip_address is None
        assert await cloud.start(machine.id, zone=machine.zone) == Accepted()

        async def runs() -> bool:
            found = await cloud.find(machine.tag, zone=machine.zone)
            assert isinstance(found, Found)
            [now] = found.machines
            return now.state is MachineState.RUNNING and now.ip_address is not None

        await self.eventually(runs)
        assert await cloud.start(machine.id, zone=machine.zone) == Accepted(), "it is on already"
        assert await runs()

    async def test_starting_what_is_not_there_is_absent(self, cloud: CloudProvider) -> None:
        assert await cloud.start(self.no_such_machine, zone=self.here) == Absent()

    @pytest.mark.parametrize("is_running", [False, True])
    async def test_a_deleted_machine_is_gone_in_the_end(
        self, cloud: CloudProvider, *, is_running: bool
    ) -> None:
        machine = await (self.started(cloud) if is_running else self.rented(cloud))
        bystander = await self.rented(cloud)

        async def is_accepted() -> (
            bool
        ):  # a machine that is just starting may have to be asked again
            return await cloud.delete(machine.id, zone=machine.zone) == Accepted()

        await self.eventually(is_accepted)

        async def is_gone() -> bool:
            found = await cloud.find(machine.tag, zone=machine.zone)
            if isinstance(found, Found):
                for left in found.machines:
                    if left.state is not MachineState.STOPPING:
                        await cloud.delete(left.id, zone=left.zone)
            return found == Absent()

        await self.eventually(is_gone)
        assert await cloud.list(OURS) == Listed(machines=(bystander,))
        assert await cloud.delete(machine.id, zone=machine.zone) == Absent()
        assert await cloud.start(machine.id, zone=machine.zone) == Absent()

    async def test_deleting_what_is_not_there_is_absent(self, cloud: CloudProvider) -> None:
        assert await cloud.delete(self.no_such_machine, zone=self.here) == Absent()


class ChecksCredentialsContract(_Clouds):
    """The ability to try credentials."""

    credentials: ClassVar[Mapping[str, Secret]] = {}
    """Some that are good."""

    async def test_credentials_can_be_tried_and_nothing_is_rented(
        self, cloud: CloudProvider
    ) -> None:
        assert isinstance(cloud, ChecksCredentials)
        assert await cloud.check_credentials(self.credentials) == Accepted()
        assert await cloud.list(OURS) == Listed(machines=())


class ReinstallsMachinesContract(_Clouds):
    """The ability to have a machine start anew."""

    async def test_a_machine_is_reinstalled_as_what_it_is(self, cloud: CloudProvider) -> None:
        assert isinstance(cloud, ReinstallsMachines)
        machine = await self.started(cloud)
        setup = self.an_order(machine.tag, auth_token="wk_of-another-life").setup
        for _ in range(2):
            assert await cloud.reinstall(machine.id, zone=machine.zone, setup=setup) == Accepted()

        async def is_running() -> bool:
            found = await cloud.find(machine.tag, zone=machine.zone)
            assert isinstance(found, Found)
            [now] = found.machines
            assert (now.id, now.created_at) == (machine.id, machine.created_at)
            return now.state is MachineState.RUNNING and now.ip_address is not None

        await self.eventually(is_running)
        assert (
            await cloud.reinstall(self.no_such_machine, zone=machine.zone, setup=setup) == Absent()
        )
        assert await cloud.reinstall(machine.id, zone=self.there, setup=setup) == Absent()
