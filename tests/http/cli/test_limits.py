"""Limits, from the command line."""

import pytest

from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import LittleServer

PATH = "/organizations/current/limits"


def test_limits_are_listed_with_whom_they_are_for(ada: Cli, server: LittleServer) -> None:
    assert ada.json("limits") == server.limits
    lines = [line for line in ada("limits").stdout.splitlines() if line.strip().startswith("l-")]
    assert [" ".join(line.split()) for line in lines] == [
        "l-1 platform everybody all 600 requests/minute",
        "l-2 organization ada small/one 5000 tokens/day, 2.5 eur/day",
        "l-3 organization key sk-inv-12222… all 4 concurrent calls",
        "l-33 organization u-gone, key k-gone all 1 concurrent calls",
    ]
    server.limits.clear()
    assert "inventiv limits set" in ada("limits").stdout


def test_a_limit_is_set_for_whom_and_what_is_named(ada: Cli, server: LittleServer) -> None:
    words = ("--user", "ADA", "--key", "sk-inv-122", "--model", "small/one")
    numbers = ("--requests-per-minute", "60", "--tokens-per-day", "none", "--eur-per-month", "12.5")
    result = ada("limits", "set", *words, *numbers)
    assert result.stdout == "From now on: 60 requests/minute, 12.5 eur/month.\n"
    assert server.bodies[PATH] == {
        "user_id": "u-1", "api_key_id": "k-2", "model": "small/one", "requests_per_minute": 60,
        "tokens_per_day": None, "eur_per_month": 12.5,
    }  # fmt: skip
    assert ada.json("limits", "set", "--concurrent-calls", "2")["concurrent_calls"] == 2
    assert server.bodies[PATH] == {"model": None, "concurrent_calls": 2}


@pytest.mark.parametrize(
    "words",
    [(), ("--model", "m"), ("--tokens-per-day", "many"), ("--tokens-per-minute", "1.5")],
)
def test_what_is_no_limit_is_a_matter_of_usage(
    ada: Cli, server: LittleServer, words: tuple[str, ...]
) -> None:
    assert ada("limits", "set", *words).exit_code == 2
    assert server.calls == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--user", "bob"), "Nobody in the organization is called 'bob'."),
        (("--key", "sk-inv-1"), "k-1 (nightly), k-2 (lab), k-3 (old)"),
        (("--key", "k-4"), "no API key 'k-4'"),
        (("--key", "k-5"), "no API key 'k-5'"),
        (("--key", " "), "no API key ''"),
    ],
)
def test_who_is_not_there_is_not_limited(
    ada: Cli, server: LittleServer, words: tuple[str, ...], sentence: str
) -> None:
    result = ada("limits", "set", *words, "--concurrent-calls", "1")
    assert result.exit_code == 1
    assert sentence in " ".join(result.stderr.split())
    assert not any(call.startswith("PUT") for call in server.calls)


def test_a_limit_is_taken_away_by_its_id(ada: Cli, server: LittleServer) -> None:
    assert ada.json("limits", "remove", "l-2") == {"id": "l-2", "removed": True}
    assert "No longer: 1 concurrent calls." in ada("limits", "remove", "L-33").stdout
    assert [row["id"] for row in server.limits] == ["l-1", "l-3"]


@pytest.mark.parametrize(
    ("reference", "which"),
    [("l-1", "no limit"), ("l-3", "several limits"), ("x", "no limit"), (" ", "no limit")],
)
def test_a_limit_that_is_not_there_or_not_one_s_own_stays(
    ada: Cli, server: LittleServer, reference: str, which: str
) -> None:
    result = ada("limits", "remove", reference)
    assert result.exit_code == 1
    assert which in result.stderr
    assert len(server.limits) == 4
