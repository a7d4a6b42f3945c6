"""What `CloudProvider` promises, kept by every adapter."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from inventiv_adapters.cloud.memory import MemoryCloud
from inventiv_adapters.cloud.mock.behaviour import Fault, FaultKind, MockBehaviour
from inventiv_adapters.cloud.mock.datacenter import Datacenter
from inventiv_adapters.cloud.mock.ledger import Ledger
from inventiv_adapters.cloud.mock.provider import MockCloud
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_core.cloud.entities import Absent, Accepted, Found, Listed, MachineState
from inventiv_core.cloud.ports import (
    ChecksCredentials,
    CloudProvider,
    ForgetsSetups,
    ReinstallsMachines,
)
from inventiv_core.kernel.secrets import Secret
from tests.adapters.cloud.builders import (
    HERE,
    OURS,
    THEIRS,
    THERE,
    a_tag,
    an_order,
    eventually,
    rented,
    started,
)
from tests.adapters.cloud.scaleway.accounts import an_account
from tests.scaleway.simulator import KEY, PROJECT, Simulator

NO_SUCH_MACHINE = "00000000-0000-4000-8000-0000000000aa"


@pytest.fixture(params=["memory", "mock", "scaleway"])
async def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[CloudProvider]:
    """An account at each provider in turn."""
    clock, new_id = SystemClock(), SerialIds()
    if request.param == "memory":
        yield MemoryCloud(clock=clock, new_id=new_id)
        return
    if request.param == "scaleway":
        async with an_account(Simulator()) as account:
            yield account
        return
    behaviour = MockBehaviour(
        boot_s=0.01, delete_s=0.01, faults=(Fault(kind=FaultKind.NO_AGENT, probability=1),)
    )
    with Ledger(tmp_path / "cloud") as ledger:
        datacenter = Datacenter(
            ledger, behaviour=behaviour, clock=clock, new_id=new_id, poll_s=0.01
        )
        async with datacenter:
            yield MockCloud(
                ledger, behaviour=behaviour, clock=clock, new_id=new_id, wake=datacenter.wake
            )


async def test_credentials_can_be_tried_and_nothing_is_rented(cloud: CloudProvider) -> None:
    assert isinstance(cloud, ChecksCredentials)
    good = {"project_id": Secret(PROJECT), "secret_key": Secret(KEY)}
    assert await cloud.check_credentials(good) == Accepted()
    assert await cloud.list(OURS) == Listed(machines=())


async def test_a_machine_is_reinstalled_as_what_it_is(cloud: CloudProvider) -> None:
    if not isinstance(cloud, ReinstallsMachines):
        assert isinstance(cloud, ForgetsSetups), "it keeps none: it could not set one up again"
        return
    machine = await started(cloud)
    setup = an_order(machine.tag, auth_token="wk_of-another-life").setup
    for _ in range(2):
        assert await cloud.reinstall(machine.id, zone=machine.zone, setup=setup) == Accepted()

    async def is_running() -> bool:
        found = await cloud.find(machine.tag, zone=machine.zone)
        assert isinstance(found, Found)
        [now] = found.machines
        assert (now.id, now.created_at) == (machine.id, machine.created_at)
        return now.state is MachineState.RUNNING and now.ip_address is not None

    await eventually(is_running)
    assert await cloud.reinstall(NO_SUCH_MACHINE, zone=machine.zone, setup=setup) == Absent()
    assert await cloud.reinstall(machine.id, zone=THERE, setup=setup) == Absent()


async def test_a_machine_is_what_was_ordered(cloud: CloudProvider) -> None:
    order = an_order()
    machine = await rented(cloud, order)
    assert (machine.tag, machine.zone, machine.instance_type) == (
        order.tag,
        order.zone,
        order.instance_type,
    )
    assert machine.created_at.utcoffset() is not None


async def test_a_machine_can_be_found_as_soon_as_it_is_rented(cloud: CloudProvider) -> None:
    machine = await rented(cloud)
    assert await cloud.find(machine.tag, zone=machine.zone) == Found(machines=(machine,))


async def test_two_machines_with_one_tag_are_both_found_oldest_first(cloud: CloudProvider) -> None:
    order = an_order()
    first, second = await rented(cloud, order), await rented(cloud, order)
    assert first.id != second.id
    assert await cloud.find(order.tag, zone=order.zone) == Found(machines=(first, second))


async def test_another_tag_finds_nothing(cloud: CloudProvider) -> None:
    machine = await rented(cloud)
    assert await cloud.find(a_tag(), zone=machine.zone) == Absent()
    same_instance = a_tag(installation_id=THEIRS, instance_id=machine.tag.instance_id)
    assert await cloud.find(same_instance, zone=machine.zone) == Absent()


async def test_another_zone_knows_nothing_of_the_machine(cloud: CloudProvider) -> None:
    machine = await rented(cloud)
    assert await cloud.find(machine.tag, zone=THERE) == Absent()
    assert await cloud.start(machine.id, zone=THERE) == Absent()
    assert await cloud.delete(machine.id, zone=THERE) == Absent()
    assert await cloud.find(machine.tag, zone=machine.zone) == Found(machines=(machine,))


async def test_a_list_holds_one_installation_in_all_zones(cloud: CloudProvider) -> None:
    here = await rented(cloud, an_order(zone=HERE))
    there = await rented(cloud, an_order(zone=THERE))
    theirs = await rented(cloud, an_order(a_tag(installation_id=THEIRS)))
    assert await cloud.list(OURS) == Listed(machines=(here, there))
    assert await cloud.list(THEIRS) == Listed(machines=(theirs,))


async def test_an_empty_list_is_an_answer(cloud: CloudProvider) -> None:
    assert await cloud.list(OURS) == Listed(machines=())


async def test_a_started_machine_gets_an_address(cloud: CloudProvider) -> None:
    machine = await rented(cloud)
    assert machine.ip_address is None
    assert await cloud.start(machine.id, zone=machine.zone) == Accepted()

    async def runs() -> bool:
        found = await cloud.find(machine.tag, zone=machine.zone)
        assert isinstance(found, Found)
        [now] = found.machines
        return (now.state, now.ip_address) == (MachineState.RUNNING, "127.0.0.1")

    await eventually(runs)
    assert await cloud.start(machine.id, zone=machine.zone) == Accepted(), "it is on already"
    assert await runs()


async def test_starting_what_is_not_there_is_absent(cloud: CloudProvider) -> None:
    assert await cloud.start(NO_SUCH_MACHINE, zone=HERE) == Absent()


@pytest.mark.parametrize("is_running", [False, True])
async def test_a_deleted_machine_is_gone_in_the_end(
    cloud: CloudProvider, *, is_running: bool
) -> None:
    machine = await (started(cloud) if is_running else rented(cloud))
    bystander = await rented(cloud)

    async def is_accepted() -> bool:  # a machine that is just starting may have to be asked again
        return await cloud.delete(machine.id, zone=machine.zone) == Accepted()

    await eventually(is_accepted)

    async def is_gone() -> bool:
        found = await cloud.find(machine.tag, zone=machine.zone)
        if isinstance(found, Found):
            for left in found.machines:
                if left.state is not MachineState.STOPPING:
                    await cloud.delete(left.id, zone=left.zone)
        return found == Absent()

    await eventually(is_gone)
    assert await cloud.list(OURS) == Listed(machines=(bystander,))
    assert await cloud.delete(machine.id, zone=machine.zone) == Absent()
    assert await cloud.start(machine.id, zone=machine.zone) == Absent()


async def test_deleting_what_is_not_there_is_absent(cloud: CloudProvider) -> None:
    assert await cloud.delete(NO_SUCH_MACHINE, zone=HERE) == Absent()
