"""The team one works in, from the command line."""

import json

from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import PASSWORD, TOKEN, LittleServer


def test_organizations_are_listed_and_the_current_one_is_marked(
    ada: Cli, server: LittleServer
) -> None:
    rows = ada.json("organizations")
    assert [(row["slug"], row["is_current"]) for row in rows] == [
        ("analytical-engines", True),
        ("looms", False),
    ]
    shown = ada("organizations").stdout
    assert [line.startswith("*") for line in shown.splitlines() if "s  " in line][-2:] == [
        True,
        False,
    ]
    server.workspace = None
    assert "personal workspace" in ada("organizations").stdout
    server.organizations.clear()
    assert "inventiv organizations create NAME" in ada("organizations").stdout


def test_who_switches_keeps_the_token_that_comes_of_it(ada: Cli, server: LittleServer) -> None:
    assert ada.json("organizations", "use", "LOOMS") == {"current_organization_id": "o-looms"}
    assert json.loads(ada.session_file.read_text()) == {
        "url": server.url,
        "token": f"{TOKEN}-1",
    }
    assert "You work in Analytical Engines" in ada("organizations", "use", "o-engines").stdout
    assert ada.json("organizations", "use", "personal") == {"current_organization_id": None}
    assert server.workspace is None
    assert ada("models").exit_code == 0  # the last token is the one that is kept
    assert TOKEN not in ada("organizations", "use", "looms").output


def test_the_way_into_the_server_of_this_machine_is_kept_where_it_was(
    cli: Cli, server: LittleServer
) -> None:
    cli.serving_here(server.url)
    assert cli("organizations", "use", "looms").exit_code == 0
    file = cli.data / "client.json"
    assert json.loads(file.read_text())["token"] == f"{TOKEN}-1"
    assert file.stat().st_mode & 0o077 == 0
    assert not cli.session_file.exists()
    assert cli("models").exit_code == 0


def test_an_organization_one_does_not_belong_to_is_named(ada: Cli, server: LittleServer) -> None:
    result = ada("organizations", "use", "nobody")
    assert result.exit_code == 1
    assert "You belong to no organization 'nobody'." in result.stderr
    assert "analytical-engines, looms" in result.stderr
    assert server.tokens == [TOKEN]
    server.organizations.clear()
    assert "You belong to none." in ada("organizations", "use", "nobody").stderr


def test_who_founds_an_organization_works_there(ada: Cli, server: LittleServer) -> None:
    row = ada.json("organizations", "create", "New Team", "--slug", "new")
    assert (row["name"], row["slug"], row["is_current"]) == ("New Team", "new", True)
    assert json.loads(ada.session_file.read_text())["token"] == f"{TOKEN}-1"
    assert "You work there now." in ada("organizations", "create", "Another").stdout
    assert "You work there now." not in ada("organizations", "create", "Third", "--no-use").stdout
    assert server.bodies["/organizations"] == {
        "name": "Third",
        "slug": None,
        "set_as_current": False,
    }


def test_a_sign_in_for_one_command_has_nowhere_to_go(cli: Cli, server: LittleServer) -> None:
    who = ("--url", server.url, "--username", "ada", "--password", PASSWORD)
    refused = cli("organizations", "use", "looms", *who)
    assert refused.exit_code == 2
    assert "inventiv login" in refused.stderr
    assert server.calls == []
    assert cli("organizations", "create", "New", *who).exit_code == 0
    assert server.bodies["/organizations"]["set_as_current"] is False
    assert not cli.session_file.exists()


def test_options_before_the_verb_are_not_ignored(ada: Cli, server: LittleServer) -> None:
    result = ada("organizations", "--url", "http://elsewhere.example", "use", "looms")
    assert result.exit_code == 2
    assert "Options come after 'use'." in result.stderr
    assert server.calls == []


def test_members(ada: Cli, server: LittleServer) -> None:
    assert [row["username"] for row in ada.json("members")] == ["ada"]
    shown = ada("members").stdout
    assert "ada@example.org" in shown
    assert "owner" in shown


def test_somebody_is_invited(ada: Cli, server: LittleServer) -> None:
    sent = ada.json("invite", "bob@example.org", "--role", "manager", "--days", "3")
    assert sent["token"] == "a-link"
    assert server.bodies["/organizations/current/invitations"] == {
        "email": "bob@example.org",
        "role": "manager",
        "expires_in_days": 3,
    }
    shown = ada("invite", "bob@example.org").stdout
    assert "Invited bob@example.org as user, until 2026-01-08 12:00:00 UTC." in shown
    assert "/invitations/a-link" in shown
    assert ada("invite", "bob@example.org", "--days", "0").exit_code == 2
