"""Models, types, instances and what is done to them."""

from typing import Any

import pytest

from inventiv_http.cli import following
from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import ECHO, INSTANCE_ID, PLAN_ID, LittleServer, an_instance

OTHER_ID = "018f0000-0000-7000-8000-00000000000b"
OLD_ID = "017f0000-0000-7000-8000-00000000000c"


@pytest.fixture
def fleet(server: LittleServer) -> LittleServer:
    """Two instances that run, and an archived one."""
    server.instances = {id_: an_instance(id_, "ready") for id_ in (INSTANCE_ID, OTHER_ID)}
    server.archived = {OLD_ID: an_instance(OLD_ID, "archived")}
    server.coming = []
    return server


def test_models(ada: Cli, server: LittleServer) -> None:
    assert ada.json("models") == server.models
    assert "mock-echo-model" in ada("models").stdout


def test_types_say_what_they_cost_and_where_they_are(ada: Cli) -> None:
    rows = ada.json("types")
    assert [(row["provider_code"], row["code"], row["zones"]) for row in rows] == [
        ("mock", "mock-local-instance", ["local"]),
        ("sky", "L1", ["sky-1"]),
        ("sky", "Q4", ["sky-1"]),
        ("sky", "S1", ["sky-1"]),
    ]
    shown = ada("types").stdout
    assert "€0.7500" in shown
    assert "G1" not in shown


def test_what_one_may_use_says_through_what_and_what_it_costs(ada: Cli) -> None:
    rows = ada.json("offerings")
    assert [(row["model"], row["through"]) for row in rows] == [
        ("small/one", "own"), ("friends/small", "share"),
    ]  # fmt: skip
    shown = ada("offerings").stdout
    assert "friends/small" in shown
    assert "0.15" in shown


def test_instances(ada: Cli, fleet: LittleServer) -> None:
    assert [row["id"] for row in ada.json("instances")] == [INSTANCE_ID, OTHER_ID]
    assert [row["id"] for row in ada.json("instances", "--archived")] == [OLD_ID]
    shown = ada("instances").stdout
    assert INSTANCE_ID in shown
    assert "€0.5000" in shown
    fleet.instances.clear()
    assert "inventiv deploy MODEL" in ada("instances").stdout


def test_an_instance_may_be_named_by_a_beginning_only_it_has(ada: Cli, fleet: LittleServer) -> None:
    ambiguous = ada("logs", "018F")
    assert ambiguous.exit_code == 2
    assert "2 instances' ids begin with '018F'." in ambiguous.stderr
    assert OTHER_ID in ambiguous.stderr

    unknown = ada("logs", "999")
    assert unknown.exit_code == 1
    assert "No instance's id begins with '999'." in unknown.stderr

    fleet.instances.pop(OTHER_ID)
    assert ada("logs", "018f").exit_code == 0
    assert ada("logs", "017").exit_code == 0  # archived


def test_logs_come_oldest_first(ada: Cli, fleet: LittleServer) -> None:
    assert ada("logs", INSTANCE_ID).stdout == f"Nothing was done to instance {INSTANCE_ID}.\n"
    fleet.logs = [
        {
            "id": f"log-{number}",
            "action_type": action,
            "component": "api",
            "status": status,
            "error_message": problem,
            "duration_ms": duration,
            "created_at": f"2026-01-01T12:00:0{number}Z",
        }
        for number, (action, status, problem, duration) in enumerate(
            [
                ("REQUEST_CREATE", "success", None, 3),
                ("PROVIDER_CREATE", "failed", "No stock \x1b[31mleft", None),
                ("PROVIDER_CREATE", "in_progress", None, None),
            ]
        )
    ]
    assert ada("logs", INSTANCE_ID).stdout.splitlines() == [
        "2026-01-01 12:00:00  api           ✓ Request create (3 ms)",
        "2026-01-01 12:00:01  api           ✗ Provider create: No stock [31mleft",
        "2026-01-01 12:00:02  api           … Provider create",
    ]
    assert [row["id"] for row in ada.json("logs", INSTANCE_ID, "--limit", "2")] == [
        "log-1",
        "log-2",
    ]


def deployed(server: LittleServer) -> dict[str, Any]:
    return server.bodies["/deployments"]


@pytest.mark.parametrize("name", ["mock-echo-model", "Mock Echo Model", ECHO])
def test_the_mock_model_goes_to_the_mock_machine(ada: Cli, server: LittleServer, name: str) -> None:
    assert ada.json("deploy", name, "--no-wait") == {
        "instance_id": INSTANCE_ID,
        "status": "accepted",
    }
    assert deployed(server) == {
        "provider_code": "mock",
        "zone": "local",
        "instance_type": "mock-local-instance",
        "model_id": ECHO,
    }


def test_one_possibility_is_taken(ada: Cli, server: LittleServer) -> None:
    assert ada("deploy", "big/one", "--no-wait").exit_code == 0
    assert deployed(server)["instance_type"] == "Q4"

    assert ada("deploy", "small/one", "--type", "L1", "--no-wait").exit_code == 0
    assert (deployed(server)["provider_code"], deployed(server)["zone"]) == ("sky", "sky-1")


def test_several_are_listed_cheapest_first(ada: Cli, server: LittleServer) -> None:
    result = ada("deploy", "small/one")

    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "Error: small/one can be deployed in 3 ways; say which.",
        "The choices, cheapest first:",
        "  --provider sky --zone sky-1 --type L1  (24 GB of GPU memory, €0.7500/h)",
        "  --provider sky --zone sky-1 --type Q4  (192 GB of GPU memory, €5.6000/h)",
        "  --provider sky --zone sky-1 --type S1  (16 GB of GPU memory, ?/h)",
    ]
    assert "POST /deployments" not in server.calls


def test_a_plan_says_what_it_would_be_and_rents_nothing(ada: Cli, server: LittleServer) -> None:
    shown = ada("plan", "big/one").stdout
    for words in ("sky / sky-1 / Q4", "€0.7500 an hour", "€547.5000 a month of 730 hours"):
        assert words in shown
    assert "is unknown" in shown
    assert f"inventiv deploy --plan {PLAN_ID}" in shown
    assert "POST /deployments" not in server.calls
    server.boots = {"boots": 7, "p50_s": 61.0, "p90_s": 99.0}
    assert (
        "Ready after 61 s, or 99 s in one of ten cases, as 7 boots say."
        in ada("plan", "big/one").stdout
    )
    assert ada.json("plan", "big/one")["plan_id"] == PLAN_ID


def test_what_was_planned_is_deployed_by_its_id(ada: Cli, server: LittleServer) -> None:
    assert ada.json("deploy", "--plan", PLAN_ID, "--no-wait")["instance_id"] == INSTANCE_ID
    assert deployed(server) == {"plan_id": PLAN_ID}


@pytest.mark.parametrize(
    "words", [(), ("big/one", "--plan", PLAN_ID), ("--plan", PLAN_ID, "--zone", "sky-1")]
)
def test_a_deployment_is_of_a_model_or_of_a_plan(
    ada: Cli, server: LittleServer, words: tuple[str, ...]
) -> None:
    result = ada("deploy", *words)
    assert result.exit_code == 2
    assert "Say a model and perhaps a place, or a plan alone." in result.stderr
    assert "POST /deployments" not in server.calls


def test_where_a_model_may_go_is_the_servers_to_say(ada: Cli, server: LittleServer) -> None:
    server.deployable["huge/one"] = [("sky", "L1")]  # whatever its size
    assert ada("deploy", "huge/one", "--no-wait").exit_code == 0
    assert deployed(server)["instance_type"] == "L1"


def test_the_mock_model_may_go_elsewhere_if_told(ada: Cli, server: LittleServer) -> None:
    assert ada("deploy", "mock-echo-model", "--type", "S1", "--no-wait").exit_code == 0
    assert deployed(server)["provider_code"] == "sky"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nothing"], 1, "No active model is called 'nothing'."),
        (["Twin"], 2, "Several models are called 'Twin'."),
        (["huge/one"], 1, "Nothing on sale can hold huge/one: it needs 5000 GB of GPU memory."),
        (["big/one", "--type", "L1"], 2, "big/one cannot be deployed there."),
        (["small/one", "--zone", "sky-2"], 2, "small/one cannot be deployed there."),
    ],
)
def test_what_cannot_be_deployed(
    ada: Cli, server: LittleServer, words: list[str], code: int, sentence: str
) -> None:
    result = ada("deploy", *words)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "POST /deployments" not in server.calls


def test_a_whole_address_is_the_servers_to_judge(ada: Cli, server: LittleServer) -> None:
    server.failing["/deployments"] = (
        400,
        {"status": "failed", "instance_id": OTHER_ID, "message": "The model does not fit"},
    )
    place = ("--provider", "sky", "--zone", "sky-9", "--type", "L1")
    result = ada("deploy", "big/one", *place, "--json")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Error: The model does not fit.\n" in result.stderr
    assert "GET /zones" not in server.calls


def test_deploy_waits_until_it_serves(ada: Cli) -> None:
    answer = ada.json("deploy", "mock-echo-model")
    assert answer["status"] == "ready"
    assert [stage["stage"] for stage in answer["stages"]][-1] == "ready"


def test_a_deployment_that_takes_too_long_is_left_as_it_is(
    ada: Cli, server: LittleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.05)
    server.coming = []
    result = ada("deploy", "mock-echo-model", "--timeout", "0.2")

    assert result.exit_code == 1
    assert f"Instance {INSTANCE_ID} is still provisioning after 0.2 s." in result.stderr
    assert f"It stays rented until `inventiv terminate {INSTANCE_ID}`." in result.stderr
    assert f"DELETE /instances/{INSTANCE_ID}" not in server.calls


def test_interrupting_the_wait_leaves_the_instance(ada: Cli, server: LittleServer) -> None:
    server.interrupt_at = "booting"
    result = ada("deploy", "mock-echo-model")

    assert result.exit_code == 130
    assert "It stays rented until" in result.stderr
    assert f"DELETE /instances/{INSTANCE_ID}" not in server.calls


def test_without_events_it_looks_again_by_itself(
    ada: Cli, server: LittleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.01)
    server.events_work = False
    result = ada("deploy", "mock-echo-model", "--json")

    assert result.exit_code == 0
    assert '"status": "ready"' in result.stdout
    assert server.calls.count("GET /events/stream") == 3  # and then no more


def test_terminate_waits_until_the_machine_is_back(ada: Cli, fleet: LittleServer) -> None:
    fleet.coming = []
    answer = ada.json("terminate", OTHER_ID)
    assert (answer["instance_id"], answer["status"]) == (OTHER_ID, "terminated")

    again = ada("terminate", OTHER_ID)
    assert again.exit_code == 0
    assert f"Instance {OTHER_ID} is terminated; cost €0.0125." in again.stdout
    assert fleet.calls.count(f"DELETE /instances/{OTHER_ID}") == 1


def test_terminate_need_not_wait(ada: Cli, fleet: LittleServer) -> None:
    assert ada.json("terminate", OTHER_ID, "--no-wait")["status"] == "terminating"


def test_an_archived_instance_is_not_terminated_again(ada: Cli, fleet: LittleServer) -> None:
    assert ada.json("terminate", "017f")["status"] == "archived"
    assert f"DELETE /instances/{OLD_ID}" not in fleet.calls


def test_an_unknown_instance_is_refused_in_the_servers_words(ada: Cli) -> None:
    result = ada("terminate", INSTANCE_ID)
    assert result.exit_code == 1
    assert "Error: There is no such instance.\n" in result.stderr
