"""API keys, from the command line."""

from datetime import UTC, datetime, timedelta

import pytest

from inventiv_http.cli.errors import UsageWrong
from inventiv_http.cli.keys import lifetime
from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import LittleServer

NEW = f"sk-inv-{'9' * 64}"


def test_keys_are_listed_with_where_they_work_and_how_they_are(
    ada: Cli, server: LittleServer
) -> None:
    assert [row["id"] for row in ada.json("keys")] == ["k-1", "k-2", "k-3", "k-4", "k-5"]
    rows = [line.split() for line in ada("keys").stdout.splitlines() if "sk-inv" in line]
    assert [(row[0], row[-1]) for row in rows] == [
        ("sk-inv-11111…", "good"),
        ("sk-inv-12222…", "good"),
        ("sk-inv-13333…", "expired"),
        ("sk-inv-14444…", "revoked"),
        ("sk-inv-25555…", "good"),
    ]
    assert "2026-01-02 12:00:00" in " ".join(rows[0])
    assert "small/one, big/one" in " ".join(rows[1])
    assert "personal" in rows[4]
    server.api_keys.clear()
    assert "inventiv keys create NAME" in ada("keys").stdout


def test_a_key_is_shown_alone_on_the_standard_output(ada: Cli, server: LittleServer) -> None:
    result = ada("keys", "create", "ci")
    assert result.stdout == f"{NEW}\n"
    assert "not shown again" in result.stderr
    assert server.bodies["/api_keys"] == {"name": "ci", "expires_at": None, "models": None}
    assert ada.json("keys", "create", "ci")["api_key"] == NEW


def test_a_key_can_be_limited(ada: Cli, server: LittleServer) -> None:
    ada("keys", "create", "ci", "--expires", "90d", "--model", "a/b", "--model", "c")
    body = server.bodies["/api_keys"]
    assert body["models"] == ["a/b", "c"]
    expires_at = datetime.fromisoformat(body["expires_at"])
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "-1d", "1.5d", "90x", "9999999w", "90 d"])
def test_what_is_no_length_of_time_is_a_matter_of_usage(ada: Cli, text: str) -> None:
    result = ada("keys", "create", "ci", f"--expires={text}")
    assert result.exit_code == 2
    assert "12h, 90d or 4w" in result.stderr
    with pytest.raises(UsageWrong):
        lifetime(text)


@pytest.mark.parametrize(
    "reference", ["k-2", "sk-inv-12222", "sk-inv-12", "SK-INV-12222…", "sk-inv-12222" + "0" * 59]
)
def test_a_key_is_revoked_by_whatever_names_it(
    ada: Cli, server: LittleServer, reference: str
) -> None:
    assert ada.json("keys", "revoke", reference) == {"id": "k-2", "revoked": True}
    assert [row["id"] for row in server.api_keys if row["revoked_at"]] == ["k-2", "k-4"]


@pytest.mark.parametrize("reference", ["k-4", "sk-inv-14444", "nobody", " ", "sk-inv-9" + "9" * 63])
def test_a_key_that_is_not_there_is_not_revoked_nor_shown(
    ada: Cli, server: LittleServer, reference: str
) -> None:
    result = ada("keys", "revoke", reference)
    assert result.exit_code == 1
    assert "inventiv keys" in result.stderr
    assert "9" * 20 not in result.output
    assert not any(call.startswith("DELETE") for call in server.calls)


def test_of_several_keys_none_is_revoked(ada: Cli, server: LittleServer) -> None:
    result = ada("keys", "revoke", "sk-inv-1")
    assert result.exit_code == 1
    assert "k-1 (nightly), k-2 (lab), k-3 (old)" in result.stderr
    assert not any(call.startswith("DELETE") for call in server.calls)


def test_options_come_after_the_word(ada: Cli, server: LittleServer) -> None:
    result = ada("keys", "--url", server.url, "create", "ci")
    assert result.exit_code == 2
    assert "Options come after 'create'." in result.stderr
