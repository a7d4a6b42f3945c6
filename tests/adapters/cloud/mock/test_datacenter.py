"""The datacenter makes the ledger come true, also after the worst."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from inventiv_adapters.cloud.mock.behaviour import MockBehaviour, parse_faults
from inventiv_adapters.cloud.mock.datacenter import Datacenter
from inventiv_adapters.cloud.mock.ledger import Ledger, Rental, RentalState
from inventiv_adapters.cloud.mock.loopback import reserve
from inventiv_adapters.cloud.mock.provider import MockCloud
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds, Uuid7
from inventiv_core.cloud.entities import Accepted, Machine
from tests.adapters.cloud.builders import (
    ENGINE_KEY,
    MODEL,
    SECRET,
    an_order,
    eventually,
    rented,
    started,
)
from tests.adapters.cloud.mock.conftest import FakeControlPlane

KEY = {"Authorization": f"Bearer {ENGINE_KEY}"}
CHAT = {"messages": [{"role": "user", "content": "Hello there"}]}


class Site:
    """A ledger, and those who work with it."""

    def __init__(self, directory: Path) -> None:
        self.ledger = Ledger(directory)
        self.clock = SystemClock()

    def behaviour(self, faults: str = "", **changes: Any) -> MockBehaviour:
        quick = {"boot_s": 0.02, "install_s": 0.02, "load_s": 0.05, "delete_s": 0.02}
        quick |= {"token_delay_s": 0.002, "vanish_after_s": 0.05}
        return MockBehaviour(**(quick | changes), faults=parse_faults(faults))

    def cloud(self, datacenter: Datacenter | None = None, faults: str = "") -> MockCloud:
        return MockCloud(
            self.ledger,
            behaviour=self.behaviour(faults),
            clock=self.clock,
            new_id=Uuid7(),
            **({"wake": datacenter.wake} if datacenter else {}),
        )

    def datacenter(self, *, ledger: Ledger | None = None, **changes: Any) -> Datacenter:
        return Datacenter(
            ledger or self.ledger,
            behaviour=self.behaviour(**changes),
            clock=self.clock,
            new_id=SerialIds(),
            poll_s=0.01,
            retry_s=0.01,
        )

    def rental(self, machine: Machine) -> Rental:
        rentals = self.ledger.rentals(include_deleted=True)
        return next(rental for rental in rentals if rental.id == machine.id)

    def is_in(self, state: RentalState, machine: Machine) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            return self.rental(machine).state is state

        return look


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    site = Site(tmp_path / "cloud")
    with site.ledger:
        yield site


def ready(control_plane: FakeControlPlane) -> Callable[[], Awaitable[bool]]:
    """Whether some agent's last word is that it is ready."""

    async def look() -> bool:
        beats = control_plane.said("heartbeat")
        return bool(beats) and beats[-1]["status"] == "ready"

    return look


def engine_of(control_plane: FakeControlPlane) -> str:
    """Return where the agent that registered last says its engine is."""
    registration = control_plane.said("register")[-1]
    return f"http://{registration['ip_address']}:{registration['vllm_port']}"


async def test_a_machine_that_is_reinstalled_comes_up_anew_on_its_ports(
    site: Site, control_plane: FakeControlPlane, client: httpx.AsyncClient
) -> None:
    async with site.datacenter() as datacenter:
        cloud = site.cloud(datacenter)
        machine = await rented(cloud, an_order(control_plane_url=control_plane.url))
        await cloud.start(machine.id, zone=machine.zone)
        await eventually(ready(control_plane))
        before, engine = site.rental(machine), engine_of(control_plane)
        said = len(control_plane.messages)
        setup = an_order(
            machine.tag,
            control_plane_url=control_plane.url,
            auth_token="wk_another",
            engine_key="ek_another",
        ).setup
        assert await cloud.reinstall(machine.id, zone=machine.zone, setup=setup) == Accepted()
        assert site.rental(machine).state is RentalState.STARTING

        async def registered_again() -> bool:
            return "register" in control_plane.actions[said:]

        async def ready_again() -> bool:
            beats = control_plane.said("heartbeat")
            newest = control_plane.said("register")[-1]["worker_id"]
            return (beats[-1]["worker_id"], beats[-1]["status"]) == (newest, "ready")

        await eventually(registered_again)
        await eventually(ready_again)
        [first, second] = control_plane.said("register")
        assert first["worker_id"] != second["worker_id"], "it is another agent"
        assert engine_of(control_plane) == engine
        after = site.rental(machine)
        assert (after.id, after.created_at) == (before.id, before.created_at)
        bearers = control_plane.bearers
        assert (bearers[0], bearers[-1]) == (f"Bearer {SECRET}", "Bearer wk_another")
        for key, status in ((ENGINE_KEY, 401), ("ek_another", 200)):
            headers = {"Authorization": f"Bearer {key}"}
            answer = await client.get(f"{engine}/v1/models", headers=headers)
            assert answer.status_code == status, "a key is of one life"


async def test_a_machine_comes_up_serves_and_goes(
    site: Site, control_plane: FakeControlPlane, client: httpx.AsyncClient
) -> None:
    async with site.datacenter() as datacenter:
        cloud = site.cloud(datacenter)
        machine = await rented(cloud, an_order(control_plane_url=control_plane.url))
        await cloud.start(machine.id, zone=machine.zone)
        await eventually(ready(control_plane))
        assert control_plane.actions[0] == "register"
        statuses = [beat["status"] for beat in control_plane.said("heartbeat")]
        assert statuses[0] == "starting", "it reports before it serves"
        assert set(control_plane.bearers) == {f"Bearer {SECRET}"}

        rental, engine = site.rental(machine), engine_of(control_plane)
        assert rental.state is RentalState.RUNNING
        assert engine == f"http://{rental.ip_address}:{rental.engine_port}"
        probe = await client.get(f"http://127.0.0.1:{rental.health_port}/readyz")
        assert probe.status_code == 200

        body = CHAT | {"model": MODEL, "stream": True, "max_tokens": 50, "ignore_eos": True}
        running: list[str] = []
        url = f"{engine}/v1/chat/completions"
        async with client.stream("POST", url, json=body, headers=KEY) as answer:
            async for line in answer.aiter_lines():
                if not running and '"content":"You"' in line:
                    metrics = (await client.get(f"{engine}/metrics")).text.splitlines()
                    running = [line for line in metrics if "num_requests_running{" in line]
        assert running[0].endswith(" 1.0"), "the first token came before the last was made"

        await cloud.delete(machine.id, zone=machine.zone)
        await eventually(site.is_in(RentalState.DELETED, machine))
        for port in (rental.engine_port, rental.health_port):
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{port}/health")
        said = len(control_plane.messages)
        await asyncio.sleep(0.05)  # more than one interval
        assert len(control_plane.messages) == said
        forgotten = site.rental(machine).setup
        assert (forgotten.auth_token, forgotten.engine_key) == ("", "")


async def test_the_time_line_is_kept(
    site: Site, control_plane: FakeControlPlane, client: httpx.AsyncClient
) -> None:
    async with site.datacenter(install_s=0.2, load_s=60) as datacenter:
        machine = await started(
            site.cloud(datacenter), an_order(control_plane_url=control_plane.url)
        )
        await eventually(site.is_in(RentalState.RUNNING, machine))
        assert not control_plane.messages, "it is being installed"

        async def reports() -> bool:
            return len(control_plane.said("heartbeat")) > 2

        await eventually(reports)
        assert {beat["status"] for beat in control_plane.said("heartbeat")} == {"starting"}
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{engine_of(control_plane)}/health")


async def test_a_machine_that_was_never_started_does_nothing(site: Site) -> None:
    async with site.datacenter() as datacenter:
        cloud = site.cloud(datacenter)
        machine = await rented(cloud)
        other = await started(cloud)
        await eventually(site.is_in(RentalState.RUNNING, other))
        assert site.rental(machine).state is RentalState.STOPPED
        await cloud.delete(machine.id, zone=machine.zone)
        await eventually(site.is_in(RentalState.DELETED, machine))


async def test_a_restart_brings_the_same_machine_back(
    site: Site, control_plane: FakeControlPlane, client: httpx.AsyncClient
) -> None:
    async with site.datacenter() as datacenter:
        machine = await started(
            site.cloud(datacenter), an_order(control_plane_url=control_plane.url)
        )
        await eventually(ready(control_plane))
        engine = engine_of(control_plane)
        assert (
            await client.post(f"{engine}/v1/chat/completions", json=CHAT, headers=KEY)
        ).is_success
    before = site.rental(machine)
    assert before.state is RentalState.RUNNING, "it stays rented"
    with pytest.raises(httpx.ConnectError):
        await client.get(f"{engine}/health")

    control_plane.messages.clear()
    async with site.datacenter(boot_s=0.02):
        await eventually(ready(control_plane))
        assert engine_of(control_plane) == engine
        assert (
            await client.post(f"{engine}/v1/chat/completions", json=CHAT, headers=KEY)
        ).is_success
    assert site.rental(machine) == before


async def test_a_port_that_was_taken_meanwhile_is_replaced(
    site: Site, control_plane: FakeControlPlane, client: httpx.AsyncClient
) -> None:
    async with site.datacenter() as datacenter:
        machine = await started(
            site.cloud(datacenter), an_order(control_plane_url=control_plane.url)
        )
        await eventually(ready(control_plane))
    before = site.rental(machine)
    control_plane.messages.clear()
    with reserve(before.engine_port) as taken:
        taken.listen()
        async with site.datacenter():
            await eventually(ready(control_plane))
            after = site.rental(machine)
            assert after.engine_port != before.engine_port
            assert after.health_port == before.health_port
            assert engine_of(control_plane).endswith(f":{after.engine_port}")
            assert (await client.get(f"{engine_of(control_plane)}/health")).is_success


async def test_a_token_that_was_given_is_still_known_after_a_restart(
    site: Site, control_plane: FakeControlPlane
) -> None:
    control_plane.answer = {"bootstrap_token": "wk_given"}
    async with site.datacenter() as datacenter:
        order = an_order(control_plane_url=control_plane.url, auth_token="")
        await started(site.cloud(datacenter), order)
        await eventually(ready(control_plane))
    control_plane.messages.clear()
    control_plane.bearers.clear()
    async with site.datacenter():
        await eventually(ready(control_plane))
    assert set(control_plane.bearers) == {"Bearer wk_given"}


async def test_a_machine_whose_disk_is_full_says_so_and_never_serves(
    site: Site, control_plane: FakeControlPlane, client: httpx.AsyncClient
) -> None:
    async with site.datacenter() as datacenter:
        cloud = site.cloud(datacenter, "disk_full=1")
        await started(cloud, an_order(control_plane_url=control_plane.url))

        async def reports() -> bool:
            return len(control_plane.said("heartbeat")) > 10

        await eventually(reports)
        await asyncio.sleep(0.1)  # longer than a model takes to be loaded
        beats = control_plane.said("heartbeat")
        assert {beat["status"] for beat in beats} == {"starting"}
        assert {beat["metadata"]["system"]["disk_used_pct"] for beat in beats} == {100}
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{engine_of(control_plane)}/health")


@pytest.mark.parametrize(("faults", "ahead_s"), [("", 0), ("clock_skew=1", 3600)])
async def test_a_machine_may_live_in_another_hour(
    site: Site,
    control_plane: FakeControlPlane,
    client: httpx.AsyncClient,
    faults: str,
    ahead_s: int,
) -> None:
    async with site.datacenter() as datacenter:
        await started(site.cloud(datacenter, faults), an_order(control_plane_url=control_plane.url))
        await eventually(ready(control_plane))
        answer = await client.get(f"{engine_of(control_plane)}/v1/models", headers=KEY)
        created_s = answer.json()["data"][0]["created"]
        assert abs(created_s - site.clock.now().timestamp() - ahead_s) < 60


async def test_a_second_datacenter_waits_its_turn(
    site: Site, control_plane: FakeControlPlane
) -> None:
    other_ledger = Ledger(site.ledger.directory)
    first, second = site.datacenter(), site.datacenter(ledger=other_ledger)

    async def second_hosts() -> bool:
        return second.is_host

    with other_ledger:
        async with first:
            machine = await started(site.cloud(), an_order(control_plane_url=control_plane.url))
            await eventually(ready(control_plane))
            async with second:
                await asyncio.sleep(0.05)  # some attempts
                assert (first.is_host, second.is_host) == (True, False)
                await first.__aexit__()
                assert not first.is_host
                await eventually(second_hosts)
                control_plane.messages.clear()
                await eventually(ready(control_plane))
    assert site.rental(machine).state is RentalState.RUNNING


_HOST = """
    import asyncio, sys
    from pathlib import Path
    from tests.adapters.cloud.mock.test_datacenter import Site

    async def host():
        await Site(Path(sys.argv[1])).datacenter().run()

    asyncio.run(host())
"""


async def test_a_killed_process_loses_no_machine(
    site: Site, control_plane: FakeControlPlane, client: httpx.AsyncClient
) -> None:
    machine = await started(site.cloud(), an_order(control_plane_url=control_plane.url))
    program = [sys.executable, "-c", dedent(_HOST), str(site.ledger.directory)]
    host = subprocess.Popen(program)  # noqa: ASYNC220, S603 - our own program, short
    try:
        await eventually(ready(control_plane), within_s=30)
        engine = engine_of(control_plane)
        assert (await client.get(f"{engine}/health")).is_success
    finally:
        host.kill()
        assert host.wait() == -signal.SIGKILL
    control_plane.messages.clear()
    async with site.datacenter():
        await eventually(ready(control_plane))
        assert engine_of(control_plane) == engine
        assert (await client.get(f"{engine}/health")).is_success
    assert site.rental(machine).state is RentalState.RUNNING


async def test_a_slow_boot_takes_ten_times_as_long(site: Site) -> None:
    async with site.datacenter() as datacenter:
        slow = await started(site.cloud(datacenter, "slow_boot=1"))
        quick = await started(site.cloud(datacenter))
        await eventually(site.is_in(RentalState.RUNNING, quick))
        assert site.rental(slow).state is RentalState.STARTING
        await eventually(site.is_in(RentalState.RUNNING, slow))
        started_at = site.rental(slow).started_at
        assert started_at is not None
        assert (site.clock.now() - started_at).total_seconds() >= 10 * 0.02


async def test_a_machine_without_an_agent_runs_in_silence(
    site: Site, control_plane: FakeControlPlane
) -> None:
    order = an_order(control_plane_url=control_plane.url)
    async with site.datacenter() as datacenter:
        silent = await started(site.cloud(datacenter, "no_agent=1"), order)
        await started(site.cloud(datacenter), an_order(control_plane_url=control_plane.url))
        await eventually(ready(control_plane))
        assert site.rental(silent).state is RentalState.RUNNING
        speakers = {message["instance_id"] for _, message in control_plane.messages}
        assert str(order.tag.instance_id) not in speakers


async def test_a_machine_may_vanish(site: Site, client: httpx.AsyncClient) -> None:
    async with site.datacenter() as datacenter:
        doomed = await started(site.cloud(datacenter, "vanish=1"))
        await eventually(site.is_in(RentalState.RUNNING, doomed))
        await eventually(site.is_in(RentalState.DELETED, doomed))
        rental = site.rental(doomed)
        assert rental.stopping_at is None, "nobody asked for it"
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{rental.health_port}/healthz")


async def test_a_machine_that_breaks_down_is_switched_on_again(
    site: Site, control_plane: FakeControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError("no port is left")]

    def fails_once(port: int | None) -> object:
        if failures:
            raise failures.pop()
        return reserve(port)

    monkeypatch.setattr("inventiv_adapters.cloud.mock.machine.reserve", fails_once)
    with capture_logs() as logs:
        async with site.datacenter() as datacenter:
            await started(site.cloud(datacenter), an_order(control_plane_url=control_plane.url))
            await eventually(ready(control_plane))
    assert ["no port is left" in log["trouble"] for log in logs] == [True]
    assert SECRET not in repr(logs)


async def test_a_ledger_that_is_busy_is_asked_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await started(site.cloud())
    failures = [sqlite3.OperationalError("database is locked")]
    rentals = site.ledger.rentals

    def fails_once() -> list[Rental]:
        if failures:
            raise failures.pop()
        return rentals()

    monkeypatch.setattr(site.ledger, "rentals", fails_once)
    with capture_logs() as logs:
        async with site.datacenter():

            async def runs() -> bool:
                return [rental.state for rental in rentals()] == [RentalState.RUNNING]

            await eventually(runs)
    assert logs[0]["trouble"] == "database is locked"


async def test_a_datacenter_that_breaks_down_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_broken() -> list[Rental]:
        message = "file is not a database"
        raise sqlite3.DatabaseError(message)

    monkeypatch.setattr(site.ledger, "rentals", is_broken)
    with capture_logs() as logs:

        async def speaks() -> bool:
            return bool(logs)

        with pytest.raises(sqlite3.DatabaseError):
            async with site.datacenter():
                await eventually(speaks)
    assert logs[0]["event"] == "mock datacenter broke down"
