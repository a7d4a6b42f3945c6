"""Two API processes and two orchestrators, under load, while whatever they need fails.

Each fault by itself; or, with `TEST_FAULTS_S=600`, whatever the dice say, for so long. The seed is
printed (`pytest -rP`), and `TEST_FAULTS_SEED` has the same ones come again.
"""

import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Generator

import pytest

from tests.faults.faults import ALL, Fault, possible
from tests.faults.world import World, under_load

SEED = int(os.environ.get("TEST_FAULTS_SEED") or secrets.randbelow(1_000_000))
LONG_S = float(os.environ.get("TEST_FAULTS_S", "0"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    with under_load(tmp_path_factory.mktemp("faults"), SEED) as world:
        yield world


def test_everything_holds_while_nothing_fails(world: World) -> None:
    sys.stdout.write(f"TEST_FAULTS_SEED={SEED}\n")
    world.begin()
    time.sleep(2)
    world.holds()


@pytest.mark.parametrize("fault", ALL, ids=[fault.__name__ for fault in ALL])
def test_everything_holds_after(fault: Fault, world: World) -> None:
    sys.stdout.write(f"TEST_FAULTS_SEED={SEED}\n")
    if fault not in possible(world.site):
        pytest.skip("a disk of its own to fill takes the right to mount it")
    world.begin()
    fault(world.site, world.dice)
    time.sleep(0.5)
    world.holds()


@pytest.mark.skipif(not LONG_S, reason="TEST_FAULTS_S=600 has them come for ten minutes")
def test_everything_holds_whatever_comes(world: World) -> None:
    sys.stdout.write(f"TEST_FAULTS_SEED={SEED}\n")
    came: Counter[str] = Counter()
    last = time.monotonic() + LONG_S
    while time.monotonic() < last:
        world.begin()
        for fault in world.dice.choices(possible(world.site), k=world.dice.randint(1, 3)):
            sys.stdout.write(f"{time.monotonic() - last + LONG_S:.1f} s: {fault.__name__}\n")
            fault(world.site, world.dice)
            came[fault.__name__] += 1
            time.sleep(world.dice.uniform(0, 1))
        world.holds()
    sys.stdout.write(f"{came.total()} faults: {dict(came)}\n")


def test_at_the_end_nothing_is_left_and_the_books_agree(world: World) -> None:
    world.begin()
    world.everything_is_given_back()
    calls = world.load.evidence.calls
    sys.stdout.write(
        f"{len(calls)} calls, {sum(call.is_whole for call in calls)} answered whole, "
        f"{len(world.load.evidence.answers)} other requests, "
        f"{len(world.site.cloud.rentals())} machines, "
        f"{[watcher.lines for watcher in world.load.watchers]} lines of those who watch\n"
    )
