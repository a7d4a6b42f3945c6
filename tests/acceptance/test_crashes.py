"""Whatever is killed, whenever: no machine is lost, none is rented twice."""

import random
import time
from collections import Counter
from itertools import combinations

import pytest

from tests.acceptance.server import Server, deploy, eventually, status, wait_for


def nothing_was_ever_rented_twice(server: Server) -> None:
    """Fail if two machines of one instance have ever stood at the same time."""
    rentals = server.rentals(include_deleted=True)
    for one, other in combinations(rentals, 2):
        if one.tag.instance_id == other.tag.instance_id:
            first, second = sorted((one, other), key=lambda rental: rental.created_at)
            assert first.deleted_at is not None
            assert first.deleted_at <= second.created_at


def everything_rented_is_known(server: Server, living: set[str]) -> None:
    """Wait until the machines are those of the living instances, one each."""

    def agree() -> bool:
        return Counter(str(rental.tag.instance_id) for rental in server.rentals()) == Counter(
            living
        )

    eventually(agree, "one machine for each living instance")


def test_a_deployment_survives_being_killed_at_any_moment(own_server: Server) -> None:
    dice = random.Random(20261123)  # noqa: S311 - repeatable on purpose
    living: set[str] = set()
    for _ in range(5):
        with own_server.client() as client:
            instance_id = deploy(client)
        time.sleep(dice.choice([0.0, 0.005, 0.01, 0.02, 0.05, dice.uniform(0.1, 1.5)]))
        own_server.kill()
        own_server.start()
        living.add(instance_id)
    with own_server.client() as client:
        for instance_id in living:
            wait_for(client, instance_id, "ready")
    everything_rented_is_known(own_server, living)
    nothing_was_ever_rented_twice(own_server)


def test_a_termination_survives_being_killed_at_any_moment(own_server: Server) -> None:
    dice = random.Random(7)  # noqa: S311 - repeatable on purpose
    asked: list[str] = []
    for _ in range(4):
        with own_server.client() as client:
            instance_id = deploy(client)
            time.sleep(dice.choice([0.0, 0.01, 0.03, dice.uniform(0.1, 1.2)]))
            assert client.delete(f"/instances/{instance_id}").status_code in {200, 202}
        time.sleep(dice.choice([0.0, 0.01, 0.03, 0.1]))
        own_server.kill()
        own_server.start()
        asked.append(instance_id)
    with own_server.client() as client:
        for instance_id in asked:
            wait_for(client, instance_id, "terminated")
    everything_rented_is_known(own_server, set())
    nothing_was_ever_rented_twice(own_server)


@pytest.fixture
def unlucky_server(own_server: Server) -> Server:
    """A server whose cloud loses answers, fails and throttles."""
    own_server.stop()
    own_server.settings = {
        "INVENTIV_MOCK_FAULTS": "create_lost=0.5",
        "INVENTIV_MOCK_SEED": "3",
    }
    return own_server.start()


def test_lost_answers_and_crashes_together_rent_nothing_twice(unlucky_server: Server) -> None:
    living: set[str] = set()
    for pause in (0.05, 0.4):
        with unlucky_server.client() as client:
            living.add(deploy(client))
        time.sleep(pause)
        unlucky_server.kill()
        unlucky_server.start()
    with unlucky_server.client() as client:
        for instance_id in living:
            wait_for(client, instance_id, "ready")
    everything_rented_is_known(unlucky_server, living)
    nothing_was_ever_rented_twice(unlucky_server)


def test_a_clean_stop_keeps_everything_and_stops_the_database(own_server: Server) -> None:
    assert "Password" in own_server.log.read_text()
    with own_server.client() as client:
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
    [machine] = own_server.rentals()

    assert own_server.stop() == 0
    assert not (own_server.data_dir / "client.json").exists()
    assert not (own_server.data_dir / "postgres" / "postmaster.pid").exists()

    own_server.start()
    assert "Password" not in own_server.log.read_text()
    with own_server.client() as client:
        assert status(client, instance_id) in {"ready", "unavailable"}
        wait_for(client, instance_id, "ready")
    [same] = own_server.rentals()
    assert (same.id, same.engine_port) == (machine.id, machine.engine_port)
