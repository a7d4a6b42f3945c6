"""The ledger: what it keeps, whatever happens to the process that writes."""

import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE
from textwrap import dedent
from uuid import UUID

import pytest

from inventiv_adapters.cloud.mock.behaviour import FaultKind
from inventiv_adapters.cloud.mock.ledger import Ledger, Rental, RentalState
from tests.adapters.cloud.builders import OURS, SECRET, a_tag, an_order

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_rental(id: str = "mock-1", *, instance_id: UUID | None = None) -> Rental:
    order = an_order(a_tag(instance_id=instance_id))
    return Rental(
        id=id,
        tag=order.tag,
        name=order.name,
        zone=order.zone,
        instance_type=order.instance_type,
        setup=order.setup,
        fates=frozenset({FaultKind.VANISH, FaultKind.SLOW_BOOT}),
        state=RentalState.STOPPED,
        created_at=NOON,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "some" / "where"


@pytest.fixture
def ledger(directory: Path) -> Generator[Ledger]:
    with Ledger(directory) as ledger:
        yield ledger


def test_a_rental_comes_back_equal(ledger: Ledger) -> None:
    rental = a_rental()
    ledger.add(rental)
    assert ledger.rentals() == [rental]
    assert ledger.of_installation(OURS) == [rental]
    assert ledger.with_tag(rental.tag, zone=rental.zone) == [rental]


def test_it_remembers_a_life(ledger: Ledger) -> None:
    born = a_rental()
    ledger.add(born)
    later = [NOON + timedelta(seconds=n, microseconds=n) for n in range(4)]
    assert ledger.start(born.id, zone=born.zone, at=later[1]) is RentalState.STARTING
    assert ledger.run(born.id, ip_address="127.0.0.1", engine_port=8000, health_port=8080)
    assert ledger.start(born.id, zone=born.zone, at=later[2]) is RentalState.RUNNING
    ledger.keep_token(born.id, "wk_new")
    running = replace(
        born,
        state=RentalState.RUNNING,
        started_at=later[1],
        ip_address="127.0.0.1",
        engine_port=8000,
        health_port=8080,
        setup=replace(born.setup, auth_token="wk_new"),
    )
    assert ledger.rentals() == [running]

    assert ledger.stop(born.id, zone=born.zone, at=later[2]) is RentalState.STOPPING
    assert ledger.stop(born.id, zone=born.zone, at=later[3]) is RentalState.STOPPING
    assert ledger.start(born.id, zone=born.zone, at=later[3]) is RentalState.STOPPING
    assert not ledger.run(born.id, ip_address="127.0.0.1", engine_port=1, health_port=2)
    ledger.remove(born.id, at=later[3])
    assert ledger.rentals() == []
    assert ledger.with_tag(born.tag, zone=born.zone) == []
    assert ledger.stop(born.id, zone=born.zone, at=later[3]) is None
    assert ledger.start(born.id, zone=born.zone, at=later[3]) is None
    assert ledger.rentals(include_deleted=True) == [
        replace(
            running,
            state=RentalState.DELETED,
            stopping_at=later[2],
            deleted_at=later[3],
            setup=replace(born.setup, auth_token="", engine_key=""),
        )
    ]


def test_doubles_are_instances_with_more_than_one_machine_now(ledger: Ledger) -> None:
    twice, replaced = UUID(int=1), UUID(int=2)
    for number, instance_id in enumerate([twice, replaced, replaced, twice, UUID(int=3)]):
        ledger.add(a_rental(f"mock-{number}", instance_id=instance_id))
    ledger.remove("mock-1", at=NOON)
    assert ledger.doubles() == [twice]


def test_it_survives_being_reopened(ledger: Ledger, directory: Path) -> None:
    rental = a_rental()
    ledger.add(rental)
    ledger.close()
    with Ledger(directory) as again:
        assert again.rentals() == [rental]
    assert ledger.rentals() == [rental], "it opens by itself"


def test_secrets_stay_with_the_owner(ledger: Ledger, directory: Path) -> None:
    rental = a_rental()
    ledger.add(rental)
    assert SECRET not in repr(rental)
    assert SECRET not in str(rental)
    assert S_IMODE(directory.stat().st_mode) == 0o700
    for file in directory.glob("machines.db*"):
        assert S_IMODE(file.stat().st_mode) == 0o600, file.name


_WRITER = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from inventiv_adapters.cloud.mock.ledger import Ledger
    from tests.adapters.cloud.mock.test_ledger import a_rental

    ledger, name = Ledger(Path(sys.argv[1])), sys.argv[2]
    for number in range(int(sys.argv[3])):
        ledger.add(a_rental(f"{name}-{number}"))
        print(f"{name}-{number}", flush=True)
"""


def a_writer(directory: Path, name: str, *, machines: int) -> "subprocess.Popen[str]":
    """Return a process that rents machines, and prints each once it is rented."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", dedent(_WRITER), str(directory), name, str(machines)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_was_acknowledged_survives_a_kill(ledger: Ledger, directory: Path) -> None:
    with a_writer(directory, "killed", machines=1_000_000) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(20)]
        during = {rental.id for rental in ledger.rentals()}
        writer.kill()
        acknowledged += writer.stdout.read().split()
    assert during.issuperset(acknowledged[:20]), "readable while another process writes"
    kept = [rental.id for rental in ledger.rentals()]
    assert set(acknowledged) <= set(kept)
    assert len(kept) - len(acknowledged) <= 1, "one more, if it died before it could say so"


def test_processes_write_at_the_same_time(ledger: Ledger, directory: Path) -> None:
    with (
        a_writer(directory, "first", machines=40) as first,
        a_writer(directory, "second", machines=40) as second,
    ):
        for number in range(40):
            ledger.add(a_rental(f"third-{number}"))
        for writer in (first, second):
            writer.communicate(timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(ledger.rentals()) == 120
