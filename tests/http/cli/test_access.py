"""Signing in and out, and which server a command talks to."""

import json
import stat

import pytest

from inventiv_http.cli.session import Login
from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import PASSWORD, TOKEN, LittleServer

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens


def test_login_keeps_a_private_session(cli: Cli, server: LittleServer) -> None:
    result = cli("login", "--url", f"{server.url}/", keys=f"ada\n{PASSWORD}\n")

    assert result.exit_code == 0
    assert "as ada, organization Analytical Engines (owner)." in result.stdout
    assert json.loads(cli.session_file.read_text()) == {"url": server.url, "token": TOKEN}
    assert stat.S_IMODE(cli.session_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(cli.config.stat().st_mode) == 0o700
    assert TOKEN not in result.output
    assert PASSWORD not in result.output
    assert [file.name for file in cli.config.iterdir()] == ["session.json"]


def test_login_takes_everything_from_the_environment(cli: Cli, server: LittleServer) -> None:
    env = {
        "INVENTIV_URL": server.url,
        "INVENTIV_USERNAME": "ada",
        "INVENTIV_PASSWORD": PASSWORD,
    }
    result = cli("login", "--json", env=env)

    me = json.loads(result.stdout)
    assert (me["url"], me["username"]) == (server.url, "ada")
    assert TOKEN not in result.output


def test_a_wrong_password_is_a_sentence(cli: Cli, server: LittleServer) -> None:
    result = cli("login", "--url", server.url, "--username", "ada", "--password", "guess")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "Error: The username or the password is wrong.\n"
        "Check the username and the password. (request r-1)\n"
    )
    assert not cli.session_file.exists()


def test_nobody_to_ask_is_a_matter_of_usage(cli: Cli, server: LittleServer) -> None:
    result = cli("login", "--url", server.url, "--username", "ada")

    assert result.exit_code == 2
    assert "--password was not given, and there is nobody to ask." in result.stderr


def test_logout_ends_the_session_here_and_there(ada: Cli, server: LittleServer) -> None:
    assert ada.json("logout") == {"url": server.url, "ended_on_server": True}
    assert server.calls == ["POST /auth/logout"]
    assert not ada.session_file.exists()
    assert "not signed in" in ada("logout").stdout


def test_logout_works_without_the_server(cli: Cli) -> None:
    cli.signed_in(NOBODY)
    result = cli("logout")

    assert result.exit_code == 0
    assert "stays open on the server" in result.stderr
    assert not cli.session_file.exists()


def test_logout_mends_a_session_that_cannot_be_read(cli: Cli) -> None:
    cli.signed_in(NOBODY)
    cli.session_file.write_text("{")

    broken = cli("models")
    assert broken.exit_code == 1
    assert "cannot be read" in broken.stderr
    assert "inventiv logout" in broken.stderr

    assert cli("logout").exit_code == 0
    assert not cli.session_file.exists()


def test_without_a_server_the_ways_to_get_one_are_told(cli: Cli) -> None:
    result = cli("models")

    assert result.exit_code == 1
    assert result.stderr == (
        "Error: No server is known.\n"
        "Start one with `inventiv serve`, or sign in with `inventiv login --url …`.\n"
    )


def test_the_server_of_this_machine_is_found(cli: Cli, server: LittleServer) -> None:
    cli.serving_here(server.url)
    assert cli("models").exit_code == 0

    cli.serving_here(NOBODY)
    stale = cli("models")
    assert stale.exit_code == 1
    assert f"No server answers at {NOBODY}." in stale.stderr
    assert "inventiv serve" in stale.stderr


def test_the_data_directory_may_be_elsewhere(cli: Cli, server: LittleServer) -> None:
    elsewhere = cli.data.parent / "elsewhere"
    cli.serving_here(server.url, folder=elsewhere)
    assert cli("models", env={"INVENTIV_DATA_DIR": str(elsewhere)}).exit_code == 0


def test_the_saved_login_comes_before_the_server_of_this_machine(
    cli: Cli, server: LittleServer
) -> None:
    cli.signed_in(server.url)
    cli.serving_here(NOBODY)
    assert cli("models").exit_code == 0


def test_for_the_demo_the_server_of_this_machine_comes_first(
    cli: Cli, server: LittleServer
) -> None:
    cli.signed_in(NOBODY)
    cli.serving_here(server.url)
    assert cli("demo").exit_code == 0


def test_for_the_demo_a_dead_server_of_this_machine_gives_way(
    cli: Cli, server: LittleServer
) -> None:
    cli.signed_in(server.url)
    cli.serving_here(NOBODY)
    assert cli("demo").exit_code == 0


def test_an_address_comes_before_all_and_takes_the_token_known_for_it(
    cli: Cli, server: LittleServer
) -> None:
    cli.signed_in(server.url)
    assert cli("models", "--url", f"{server.url}/").exit_code == 0
    assert cli("models", env={"INVENTIV_URL": server.url}).exit_code == 0

    cli.signed_in(NOBODY)
    unknown = cli("models", "--url", server.url)
    assert unknown.exit_code == 1
    assert f"inventiv login --url {server.url}" in unknown.stderr

    cli.serving_here(server.url)
    assert cli("models", "--url", server.url).exit_code == 0


def test_signing_in_for_one_command_leaves_nothing(cli: Cli, server: LittleServer) -> None:
    result = cli("models", "--url", server.url, "--username", "ada", keys=f"{PASSWORD}\n")

    assert result.exit_code == 0
    assert server.calls == ["POST /auth/login", "GET /models", "POST /auth/logout"]
    assert not cli.session_file.exists()


def test_a_session_that_is_over_says_to_log_in(cli: Cli, server: LittleServer) -> None:
    cli.signed_in(server.url, token="an old token")
    result = cli("models")

    assert result.exit_code == 1
    assert result.stderr == "Error: This session is over.\nRun `inventiv login`.\n"


@pytest.mark.parametrize("address", ["127.0.0.1:8003", "ftp://host", "http://", "http://[::"])
def test_an_address_must_be_one(cli: Cli, address: str) -> None:
    assert cli("models", "--url", address).exit_code == 2


def test_an_address_with_a_password_is_refused_unsaid(cli: Cli) -> None:
    result = cli("login", "--url", "http://ada:enigma@localhost", "--username", "ada")
    assert result.exit_code == 2
    assert "enigma" not in result.output


def test_a_password_alone_is_refused(cli: Cli) -> None:
    result = cli("models", "--password", PASSWORD)
    assert result.exit_code == 2
    assert PASSWORD not in result.output


def test_a_login_does_not_show_its_token() -> None:
    assert TOKEN not in repr(Login(url=NOBODY, token=TOKEN))
