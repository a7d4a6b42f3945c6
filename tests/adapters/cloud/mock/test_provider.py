"""Every fault of the provider's API does what it says."""

import sqlite3
from pathlib import Path

import pytest

from inventiv_adapters.cloud.mock.behaviour import Fault, FaultKind, MockBehaviour, parse_faults
from inventiv_adapters.cloud.mock.ledger import Ledger
from inventiv_adapters.cloud.mock.provider import MockCloud
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_core.cloud.entities import (
    Absent,
    Created,
    CreateOutcome,
    Denied,
    Listed,
    RefusalReason,
    Refused,
    Throttled,
    Unknown,
)
from tests.adapters.cloud.builders import OURS, an_order, rented


def a_cloud(directory: Path, faults: str = "", *, seed: int = 0) -> tuple[MockCloud, Ledger]:
    ledger = Ledger(directory / "cloud")
    behaviour = MockBehaviour(faults=parse_faults(faults), seed=seed)
    cloud = MockCloud(ledger, behaviour=behaviour, clock=SystemClock(), new_id=SerialIds())
    return cloud, ledger


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (FaultKind.DENIED, Denied),
        (FaultKind.THROTTLED, Throttled),
        (FaultKind.SERVER_ERROR, Unknown),
    ],
)
async def test_some_faults_befall_every_call_and_nothing_is_done(
    tmp_path: Path, fault: FaultKind, outcome: type[object]
) -> None:
    healthy, ledger = a_cloud(tmp_path)
    machine = await rented(healthy)
    before = ledger.rentals()
    cloud, _ = a_cloud(tmp_path, f"{fault}=1")
    answers = [
        await cloud.create(an_order()),
        await cloud.find(machine.tag, zone=machine.zone),
        await cloud.start(machine.id, zone=machine.zone),
        await cloud.delete(machine.id, zone=machine.zone),
        await cloud.list(OURS),
        await cloud.check_credentials({}),
    ]
    assert [type(answer) for answer in answers] == [outcome] * 6
    assert ledger.rentals() == before


async def test_a_machine_may_be_denied_that_is_there(tmp_path: Path) -> None:
    healthy, ledger = a_cloud(tmp_path)
    machine = await rented(healthy)
    before = ledger.rentals()
    cloud, _ = a_cloud(tmp_path, "not_found=1")
    setup = an_order(machine.tag).setup
    assert [
        await cloud.find(machine.tag, zone=machine.zone),
        await cloud.start(machine.id, zone=machine.zone),
        await cloud.reinstall(machine.id, zone=machine.zone, setup=setup),
        await cloud.delete(machine.id, zone=machine.zone),
    ] == [Absent()] * 4
    assert ledger.rentals() == before
    assert await cloud.list(OURS) == Listed(machines=(machine,)), "lists are right"
    elsewhere, _ = a_cloud(tmp_path / "elsewhere", "not_found=1")
    assert isinstance(await elsewhere.create(an_order()), Created)


async def test_out_of_stock_is_a_definite_no(tmp_path: Path) -> None:
    cloud, ledger = a_cloud(tmp_path, "out_of_stock=1")
    outcome = await cloud.create(an_order())
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.OUT_OF_STOCK
    assert ledger.rentals() == []


async def test_a_lost_answer_leaves_a_machine(tmp_path: Path) -> None:
    cloud, ledger = a_cloud(tmp_path, "create_lost=1")
    order = an_order()
    assert isinstance(await cloud.create(order), Unknown)
    [rental] = ledger.rentals()
    assert rental.tag == order.tag


async def test_fates_are_decided_when_a_machine_is_rented(tmp_path: Path) -> None:
    cloud, ledger = a_cloud(tmp_path, "slow_boot=1,no_agent=1")
    await rented(cloud)
    [rental] = ledger.rentals()
    assert rental.fates == {FaultKind.SLOW_BOOT, FaultKind.NO_AGENT}


async def test_the_same_seed_meets_the_same_faults(tmp_path: Path) -> None:
    async def outcomes(name: str, seed: int) -> list[type[CreateOutcome]]:
        cloud, _ = a_cloud(tmp_path / name, "throttled=0.3,out_of_stock=0.3", seed=seed)
        return [type(await cloud.create(an_order())) for _ in range(20)]

    first = await outcomes("first", 1)
    assert len(set(first)) == 3, "some of each"
    assert await outcomes("again", 1) == first
    assert await outcomes("other", 2) != first


async def test_a_ledger_that_cannot_be_read_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, ledger = a_cloud(tmp_path)

    def is_locked(*_: object, **__: object) -> None:
        message = "database is locked"
        raise sqlite3.OperationalError(message)

    for method in ("add", "start", "stop", "with_tag", "of_installation"):
        monkeypatch.setattr(ledger, method, is_locked)
    order = an_order()
    answers = [
        await cloud.create(order),
        await cloud.find(order.tag, zone=order.zone),
        await cloud.start("mock-1", zone=order.zone),
        await cloud.delete("mock-1", zone=order.zone),
        await cloud.list(OURS),
    ]
    assert [type(answer) for answer in answers] == [Unknown] * 5


async def test_a_machine_that_goes_away_cannot_be_started(tmp_path: Path) -> None:
    cloud, _ = a_cloud(tmp_path)
    machine = await rented(cloud)
    await cloud.delete(machine.id, zone=machine.zone)
    assert isinstance(await cloud.start(machine.id, zone=machine.zone), Unknown)


async def test_each_change_wakes_the_datacenter(tmp_path: Path) -> None:
    woken: list[None] = []
    cloud = MockCloud(
        Ledger(tmp_path),
        behaviour=MockBehaviour(faults=(Fault(kind=FaultKind.CREATE_LOST, probability=0),)),
        clock=SystemClock(),
        new_id=SerialIds(),
        wake=lambda: woken.append(None),
    )
    machine = await rented(cloud)
    await cloud.start(machine.id, zone=machine.zone)
    await cloud.find(machine.tag, zone=machine.zone)
    await cloud.delete(machine.id, zone=machine.zone)
    assert len(woken) == 3
