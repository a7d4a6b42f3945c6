"""The catalog as a file."""

import json
from pathlib import Path

import pytest
import yaml

from tests.http.cli.conftest import Cli
from tests.http.cli.little_server import LittleServer

CHANGE = {
    "action": "updated",
    "entry": "instance_type",
    "code": "sky/L1",
    "before": {"cost_per_hour": 0.75},
    "after": {"cost_per_hour": 0.8},
}


def test_the_catalog_is_written_to_the_terminal(ada: Cli, server: LittleServer) -> None:
    assert yaml.safe_load(ada("catalog", "export").stdout) == server.catalog
    assert ada.json("catalog", "export") == server.catalog


@pytest.mark.parametrize("name", ["catalog.yaml", "catalog.yml", "catalog.json"])
def test_what_is_written_to_a_file_can_be_imported(
    ada: Cli, server: LittleServer, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    assert str(file) in ada("catalog", "export", str(file)).stdout.replace("\n", "")
    assert ada.json("catalog", "export", str(file)) == {"file": str(file)}
    assert "é" in file.read_text(encoding="utf-8")
    assert ada("catalog", "import", str(file)).stdout == "Nothing has changed.\n"
    assert server.bodies["/catalog/import"] == server.catalog


def test_an_import_shows_what_it_has_changed(
    ada: Cli, server: LittleServer, tmp_path: Path
) -> None:
    file = tmp_path / "catalog.json"
    file.write_text(json.dumps(server.catalog))
    server.changes = [CHANGE]
    shown = ada("catalog", "import", str(file)).stdout
    assert "sky/L1" in shown
    assert "cost_per_hour 0.8" in shown
    assert ada.json("catalog", "import", str(file)) == {"changes": [CHANGE]}


def test_a_sync_shows_what_it_has_changed(ada: Cli, server: LittleServer) -> None:
    assert ada("catalog", "sync").stdout.splitlines() == [
        "1 providers have answered.", "Nothing has changed.",
    ]  # fmt: skip
    server.changes = [CHANGE]
    assert "sky/L1" in ada("catalog", "sync").stdout
    assert ada.json("catalog", "sync")["providers"][0]["changes"] == [CHANGE]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.yaml", "a:\n  - b\n c: d", "is not YAML: line 3, column 2"),
        ("a.yaml", "when: 2026-01-01", "cannot be understood"),
        ("a.yaml", "price: .nan", "cannot be understood"),
        ("a.yaml", "- a", "holds no catalog"),
        ("a.yaml", "", "holds no catalog"),
        ("a.json", "{", "cannot be understood"),
        ("a.json", "[]", "holds no catalog"),
        ("a.txt", "", "neither a .yaml nor a .json file"),
    ],
)
def test_a_file_that_is_no_catalog_is_not_sent(
    ada: Cli, server: LittleServer, tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    file = tmp_path / name
    file.write_text(content)
    result = ada("catalog", "import", str(file))
    assert result.exit_code in {1, 2}
    assert sentence in result.stderr.replace("\n", " ")
    assert "POST /catalog/import" not in server.calls


def test_a_file_that_is_not_there_or_not_text_is_named(ada: Cli, tmp_path: Path) -> None:
    missing = ada("catalog", "import", str(tmp_path / "no.yaml"))
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (1, True)
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    assert "not text in UTF-8" in ada("catalog", "import", str(tmp_path / "a.yaml")).stderr
    nowhere = ada("catalog", "export", str(tmp_path / "no" / "a.yaml"))
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (1, True)


def test_a_refusal_says_where_the_mistake_is(
    ada: Cli, server: LittleServer, tmp_path: Path
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("providers: []")
    refusal = {
        "error": "invalid_request",
        "message": "import_refused",
        "detail": "The catalog cannot be imported.",
        "place": "providers[0].name",
        "problem": "It must not be blank.",
    }
    server.failing["/catalog/import"] = (400, refusal)
    result = ada("catalog", "import", str(file))
    assert result.exit_code == 1
    assert "providers[0].name: It must not be blank." in result.stderr
