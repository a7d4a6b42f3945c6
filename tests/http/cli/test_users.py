"""Users and passwords, from the command line."""

import asyncio
import re

import pytest
from dependency_injector.providers import Object

from inventiv_core.identity.entities.sessions import Caller
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.settings import Settings
from tests.builders import a_user, given
from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import LittleServer

NEW = "a new password"


def test_users_are_listed(ada: Cli) -> None:
    assert [row["username"] for row in ada.json("users", "list")] == ["ada"]
    shown = ada("users", "list").stdout
    assert "ada@example.org" in shown
    assert "2026-01-01 12:00:00" in shown


def test_an_account_is_made_with_a_password_that_is_drawn_and_shown_once(
    ada: Cli, server: LittleServer
) -> None:
    result = ada("users", "create", "bob@example.org", "--role", "admin")
    assert result.exit_code == 0, result.output
    body = server.bodies["/users"]
    assert (body["email"], body["username"], body["role"]) == ("bob@example.org", None, "admin")
    assert len(body["password"]) == 20
    assert f"Password: {body['password']} " in result.stdout
    told = ada.json("users", "create", "bob@example.org", "--name", "bob")
    assert told["username"] == "bob"
    assert told["password"] == server.bodies["/users"]["password"] != body["password"]


def test_a_password_that_is_asked_for_is_asked_for_twice_and_not_shown(
    ada: Cli, server: LittleServer
) -> None:
    words = ("users", "create", "bob@example.org", "--prompt")
    result = ada(*words, keys=f"{NEW}\n{NEW}\n")
    assert result.exit_code == 0, result.output
    assert server.bodies["/users"]["password"] == NEW
    assert NEW not in result.output
    server.bodies.clear()
    assert ada(*words, keys=f"{NEW}\nanother\n").exit_code == 2
    assert not server.bodies


def test_one_changes_one_s_own_password(ada: Cli, server: LittleServer) -> None:
    result = ada("passwd", keys=f"the old one\n{NEW}\n{NEW}\n")
    assert result.exit_code == 0, result.output
    assert server.bodies["/auth/me/password"] == {
        "current_password": "the old one",
        "new_password": NEW,
    }
    assert NEW not in result.output


@pytest.mark.parametrize("username", ["alice", "Alice@Example.org"])
def test_the_operator_lets_somebody_back_in_without_a_session(
    cli: Cli, database_url: str, username: str
) -> None:
    settings = Settings(database_url=database_url, jwt_secret="x" * 32)

    async def prepare() -> None:
        adapters = PostgresAdapters(settings=Object(settings))
        async with adapters.pool():
            await given(adapters.unit_of_work(), a_user())

    async def sign_in(password: str) -> None:
        adapters = PostgresAdapters(settings=Object(settings))
        async with adapters.pool():
            await Application(adapters=adapters).log_in()("alice", password, actor=Caller())

    asyncio.run(prepare())
    env = {"INVENTIV_DATABASE_URL": database_url}
    result = cli("reset-password", username, env=env)
    assert result.exit_code == 0, result.output
    drawn = re.search(r"Password: (\S+)", result.stdout)
    assert drawn is not None
    asyncio.run(sign_in(drawn[1]))
    assert (
        cli("reset-password", username, "--prompt", keys=f"{NEW}\n{NEW}\n", env=env).exit_code == 0
    )
    asyncio.run(sign_in(NEW))
    for words, keys, sentence in (
        (("nobody",), "", "There is no such user."),
        (("alice", "--prompt"), "short\nshort\n", "too few characters"),
    ):
        refused = cli("reset-password", *words, keys=keys, env=env)
        assert refused.exit_code == 1
        assert sentence in refused.stderr
