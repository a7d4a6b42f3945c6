"""Where a model fits."""

import json
from pathlib import Path

import pytest

from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import ECHO, LittleServer


def test_the_terms_the_machines_and_the_reasons_are_shown(ada: Cli, server: LittleServer) -> None:
    shown = ada("fit", "mock-echo-model").stdout
    assert "For 1 at the same time, of 8192 tokens each." in shown
    for words in ("16,060,522,496", "bf16: 1 + 2", "€0.7500", "23,555", "sky-1"):
        assert words in shown
    assert "Each GPU must hold 18.6 GB." in shown
    assert ada.json("fit", "mock-echo-model") == server.fit


def test_the_demand_is_what_was_said_and_nothing_more(ada: Cli, server: LittleServer) -> None:
    path = f"/models/{ECHO}/fit"
    assert ada("fit", "mock-echo-model").exit_code == 0
    assert server.queries[path] == {"concurrency": "1"}
    words = ("--context", "4096", "--concurrency", "8", "--dtype", "int4", "--kv-dtype", "fp8")
    assert ada("fit", "mock-echo-model", *words, "--utilization", "0.8").exit_code == 0
    assert server.queries[path] == {
        "context": "4096", "concurrency": "8", "dtype": "int4", "kv_dtype": "fp8",
        "utilization": "0.8",
    }  # fmt: skip


def test_a_config_file_is_sent_as_it_is(ada: Cli, server: LittleServer, tmp_path: Path) -> None:
    config = {"model_type": "llama", "hidden_size": 4096}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    assert ada.json("fit", str(file), "--context", "4096") == server.fit
    assert server.bodies["/models/fit"] == {"config": config, "context": 4096, "concurrency": 1}


def test_nothing_fits_and_nothing_else_is_there(ada: Cli, server: LittleServer) -> None:
    server.fit["machines"] = []
    shown = ada("fit", "mock-echo-model").stdout
    assert "It fits on nothing that can be rented." in shown
    assert "Why not" not in shown


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b" " * 1_000_001])
def test_a_file_that_is_no_config_is_refused_here(
    ada: Cli, server: LittleServer, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    result = ada("fit", str(file))
    assert result.exit_code == 2
    assert str(file) in result.stderr
    assert "POST /models/fit" not in server.calls


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("nowhere.json", 2, "There is no file nowhere.json."),
        ("nobody", 1, "No active model is called 'nobody'."),
    ],
)
def test_what_is_neither_a_model_nor_a_file_is_told(
    ada: Cli, name: str, code: int, sentence: str
) -> None:
    result = ada("fit", name)
    assert result.exit_code == code
    assert sentence in result.stderr
