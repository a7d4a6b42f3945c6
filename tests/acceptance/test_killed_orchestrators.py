"""Two orchestrators on one PostgreSQL, killed again and again: nothing is lost or rented twice.

The long form: `TEST_KILLS=200 .venv/bin/pytest -rP tests/acceptance/test_killed_orchestrators.py`.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import httpx
import pytest

from tests import postgres
from tests.acceptance.server import Server, deploy, eventually, free_port, status
from tests.acceptance.test_crashes import (
    everything_rented_is_known,
    nothing_was_ever_rented_twice,
)
from tests.acceptance.test_several_processes import PASSWORD, signed_in

KILLS = int(os.environ.get("TEST_KILLS", "10"))
MOST_LIVING = 5
FINAL = {"terminated", "provisioning_failed"}
FAULTS = (
    "create_lost=0.2,server_error=0.05,throttled=0.05,denied=0.02,out_of_stock=0.1,slow_boot=0.1"
)


@dataclass
class Fleet:
    """An API that stays, and two orchestrators that share a cloud, and do not stay."""

    api: Server
    orchestrators: list[Server]
    dice: Random
    living: list[str] = field(default_factory=list[str])
    """Instances whose end nobody has asked for."""
    over: list[str] = field(default_factory=list[str])
    kills: int = 0

    def kill_one(self) -> None:
        """Kill one of them as soon as it works, and start it again with other luck."""
        victim = self.dice.choice(self.orchestrators)
        victim.start_is_over()
        time.sleep(self.dice.choice([0.0, 0.02, 0.1, self.dice.uniform(0.1, 1.0)]))
        victim.kill()
        self.kills += 1
        victim.settings["INVENTIV_MOCK_SEED"] = str(self.kills)
        victim.launch()

    def want_something(self, client: httpx.Client) -> None:
        """Want another machine, or one less."""
        if not self.living or (len(self.living) < MOST_LIVING and self.dice.random() < 0.6):
            self.living.append(deploy(client))
            return
        unwanted = self.living.pop(self.dice.randrange(len(self.living)))
        assert client.delete(f"/instances/{unwanted}").status_code in {200, 202}
        self.over.append(unwanted)

    def ready(self, client: httpx.Client) -> set[str]:
        """Return which of the living serve, once all of them do or have ended."""

        def statuses() -> dict[str, str] | None:
            known = {each: status(client, each) for each in self.living}
            return known if set(known.values()) <= {*FINAL, "ready"} else None

        known = eventually(statuses, "the end of every start") if self.living else {}
        return {each for each, is_now in known.items() if is_now == "ready"}


@pytest.fixture
def fleet(postgres_server: str, tmp_path: Path) -> Generator[Fleet]:
    with ExitStack() as stack:
        port = free_port()
        shared = {
            "DATABASE_URL": stack.enter_context(postgres.database(postgres_server)),
            "JWT_SECRET": "the same long secret for every process",
            "INVENTIV_ADMIN_PASSWORD": PASSWORD,
            "INVENTIV_PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        api = Server(tmp_path / "api", {**shared, "INVENTIV_BACKGROUND": "false"}, port)
        cloud = tmp_path / "cloud"
        orchestrators = [
            Server(
                cloud,
                {**shared, "INVENTIV_MOCK_FAULTS": FAULTS, "INVENTIV_MOCK_SEED": f"{number}00000"},
                words=("orchestrate",),
                log_file=tmp_path / f"orchestrator-{number}.log",
            )
            for number in (1, 2)
        ]
        for process in (api, *orchestrators):
            process.start()
            stack.callback(process.kill)
        yield Fleet(api, orchestrators, Random(KILLS))  # noqa: S311 - repeatable on purpose


def is_over(client: httpx.Client, instance_id: str) -> bool:
    return status(client, instance_id) in FINAL


def test_whoever_of_two_is_killed_nothing_is_lost_or_doubled(fleet: Fleet) -> None:
    began = time.monotonic()
    with signed_in(fleet.api) as client:
        while fleet.kills < KILLS:
            fleet.want_something(client)
            fleet.kill_one()
        killed_s = time.monotonic() - began
        living = fleet.ready(client)
        for instance_id in fleet.over:
            eventually(partial(is_over, client, instance_id), f"{instance_id}: over")
        everything_rented_is_known(fleet.orchestrators[0], living)
        nothing_was_ever_rented_twice(fleet.orchestrators[0])
        ends = Counter(status(client, each) for each in [*fleet.living, *fleet.over])
    rented = len(fleet.orchestrators[0].rentals(include_deleted=True))
    sys.stdout.write(
        f"{fleet.kills} kills in {killed_s:.0f} s, {rented} machines, {dict(ends)}, "
        f"settled after {time.monotonic() - began - killed_s:.1f} s\n"
    )
