"""What may be changed at run time, from the terminal."""

import json

import pytest

from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import Json, LittleServer

SECRET = "hush-hush-hush"
GLOBAL = "OPENAI_WORKER_STALE_SECONDS"


def a_definition(key: str, value_type: str, scope: str = "provider") -> Json:
    return {"key": key, "scope": scope, "value_type": value_type, "description": "What it is."}


def a_field(name: str, **facts: object) -> Json:
    empty = {"is_set": False, "last_four": None, "changed_at": None, "changed_by": None}
    return {"name": name, "is_required": True, "is_secret": True} | empty | facts


def credentials(*fields: Json, missing: tuple[str, ...] = ()) -> Json:
    return {"provider_code": "sky", "missing": list(missing), "fields": list(fields)}


@pytest.fixture(autouse=True)
def answers(server: LittleServer) -> None:
    """What a server has to say of settings."""
    server.canned = {
        "/settings/definitions": [
            a_definition(GLOBAL, "int", "global"),
            a_definition("WORKER_EXPOSE_PORTS", "bool"),
            a_definition("WORKER_VLLM_IMAGE", "text"),
            a_definition("WORKER_VLLM_PORT", "int"),
        ],
        "/settings/global": [{"key": GLOBAL, "effective": {"value": 120, "source": "default"}}],
        "/providers/params": [
            {
                "provider_id": "sky",
                "provider_code": "sky",
                "effective": {
                    "worker_vllm_port": {"value": 9000, "source": "organization"},
                    "worker_expose_ports": {"value": True, "source": "environment"},
                },
            }
        ],
        "/providers/sky/params": None,
        "/providers/sky/credentials": credentials(
            a_field("project_id", is_secret=False, is_set=True, changed_by="ada"),
            a_field("secret_key"),
            a_field("access_key", is_required=False, is_secret=False, last_four="1234"),
            missing=("secret_key",),
        ),
        "/providers/sky/credentials/test": {"outcome": "ok", "detail": "Sky accepts them."},
    }


def test_what_counts_is_shown_with_who_has_chosen_it(ada: Cli, server: LittleServer) -> None:
    lines = [line.split() for line in ada("settings", "show").stdout.splitlines()[2:]]
    assert lines == [
        ["sky", "WORKER_VLLM_PORT", "9000", "organization"],
        ["sky", "WORKER_EXPOSE_PORTS", "true", "environment"],
    ]
    assert ada.json("settings", "show") == server.canned["/providers/params"]
    assert [GLOBAL, "120", "default"] in [
        line.split() for line in ada("settings", "show", "--platform").stdout.splitlines()
    ]
    assert ada.json("settings", "show", "--platform") == server.canned["/settings/global"]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("WORKER_VLLM_PORT", "9000", 9000),
        ("worker_vllm_port", "9000", 9000),
        ("WORKER_EXPOSE_PORTS", "No", False),
        ("WORKER_VLLM_IMAGE", "registry/image:1", "registry/image:1"),
    ],
)
def test_a_value_is_chosen_at_a_provider(
    ada: Cli, server: LittleServer, key: str, text: str, value: object
) -> None:
    said = ada("settings", "set", key, text, "--provider", "sky")
    assert server.bodies["/providers/sky/params"] == {key.lower(): value}
    assert said.stdout == f"{key.upper()} is {text}, at sky.\n"


def test_a_value_is_chosen_for_everybody_and_forgotten_again(
    ada: Cli, server: LittleServer
) -> None:
    chosen = ada.json("settings", "set", GLOBAL, "30")
    assert chosen == {"key": GLOBAL, "value": 30, "provider": None}
    assert server.bodies["/settings/global"] == {"key": GLOBAL, "value_int": 30}
    assert "as if never chosen" in ada("settings", "reset", GLOBAL).stdout
    assert server.bodies["/settings/global"] == {"key": GLOBAL, "value_int": None}
    ada("settings", "reset", "WORKER_VLLM_PORT", "--provider", "sky")
    assert server.bodies["/providers/sky/params"] == {"worker_vllm_port": None}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("NONSENSE", "1"), "no setting 'NONSENSE'"),
        ((GLOBAL, "many"), "a whole number, and not 'many'"),
        (("WORKER_EXPOSE_PORTS", "maybe", "--provider", "sky"), "yes or no"),
        (("WORKER_VLLM_PORT", "1", "--provider", "nobody"), "no provider 'nobody'"),
    ],
)
def test_what_cannot_be_is_a_matter_of_usage(
    ada: Cli, server: LittleServer, words: tuple[str, ...], sentence: str
) -> None:
    result = ada("settings", "set", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not any(call.startswith("PUT") for call in server.calls)


def test_credentials_are_shown_as_far_as_that_goes(ada: Cli, server: LittleServer) -> None:
    shown = ada("credentials", "show", "sky").stdout
    assert ["access_key", "no", "no", "1234", "-", "-"] in [
        line.split() for line in shown.splitlines()
    ]
    assert "Still needed: secret_key." in shown
    assert ada.json("credentials", "show", "sky") == server.canned["/providers/sky/credentials"]
    server.canned["/providers/sky/credentials"] = credentials()
    assert "sky takes no credentials." in ada("credentials", "show", "sky").stdout


def test_credentials_are_asked_for_and_secrets_are_not_shown(
    ada: Cli, server: LittleServer
) -> None:
    result = ada("credentials", "set", "sky", keys=f"\n{SECRET}\nSCW1234\n")
    assert result.exit_code == 0, result.output
    assert server.bodies["/providers/sky/credentials"] == {
        "secret_key": SECRET, "access_key": "SCW1234",
    }  # fmt: skip
    assert SECRET not in result.output
    assert "project_id (needed, is set)" in result.stderr


def test_nothing_given_is_nothing_changed(ada: Cli, server: LittleServer) -> None:
    result = ada("credentials", "set", "sky", keys="\n\n\n")
    assert result.exit_code == 2
    assert "PUT /providers/sky/credentials" not in server.calls


def test_credentials_may_come_from_a_program(ada: Cli, server: LittleServer) -> None:
    fields = {"secret_key": SECRET, "access_key": None}
    result = ada("credentials", "set", "sky", "--stdin", keys=json.dumps(fields))
    assert result.exit_code == 0, result.output
    assert server.bodies["/providers/sky/credentials"] == fields
    assert SECRET not in result.output
    for wrong in (SECRET, f'["{SECRET}"]', ""):
        result = ada("credentials", "set", "sky", "--stdin", keys=wrong)
        assert result.exit_code == 2
        assert SECRET not in result.output


def test_credentials_are_tried(ada: Cli, server: LittleServer) -> None:
    assert ada("credentials", "test", "sky").stdout == "Sky accepts them.\n"
    denied = {"outcome": "denied", "detail": "The key is revoked."}
    server.canned["/providers/sky/credentials/test"] = denied
    result = ada("credentials", "test", "sky", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, denied)
    assert "The key is revoked." in result.stderr


def test_credentials_are_deleted(ada: Cli, server: LittleServer) -> None:
    assert ada("credentials", "delete", "sky").exit_code == 0
    assert "DELETE /providers/sky/credentials" in server.calls
