"""README says what is true."""

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from typer.main import get_command

import inventiv_adapters.cloud
import inventiv_core
from inventiv_core.settings.definitions import DEFINITIONS
from inventiv_http.cli.main import SERVER_COMMANDS, app, load
from inventiv_http.settings import Settings
from inventiv_http.settings.descriptions import Description, descriptions
from inventiv_http.settings.environment import CHANGEABLE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_map_has_every_domain_and_what_it_says_of_itself() -> None:
    domains = {
        module.name: (import_module(f"inventiv_core.{module.name}").__doc__ or "").strip()
        for module in iter_modules(inventiv_core.__path__)
        if module.ispkg
    }
    the_code = README.partition("## The code\n")[2]
    told = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", the_code, re.MULTILINE))
    assert told == domains


def test_the_settings_it_names_are_settings() -> None:
    from inventiv_http.settings import FOR_CLIENTS, OTHER_NAMES  # noqa: PLC0415

    named = set(re.findall(r"\b(?:INVENTIV|DEFAULT)_[A-Z_]+[A-Z]", README))
    known = {f"INVENTIV_{name.upper()}" for name in Settings.__struct_fields__}
    assert named
    assert named <= known | set(OTHER_NAMES) | FOR_CLIENTS


def test_what_checks_everything_sets_up_as_it_says() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    assert "pip install -e '.[dev]' && .venv/bin/pytest" in README
    assert "-e '.[dev]'" in run
    assert ".venv/bin/pytest" in run


KNOWN = {one.name: one for one in descriptions()}
A_NAME = re.compile(r"`(INVENTIV|…)(_[A-Z_]+[A-Z])(?:=(\w+))?`")
A_DEFAULT = re.compile(
    r"(?:; |: |by default, )(\d+(?: and \d+)*)(?: seconds| hours)?(?:, see .*)?$"
)


def rows() -> Iterator[tuple[list[str], str]]:
    """Yield each row of the table of settings: the names in it, and what it says of them."""
    table = README.partition("| setting | |\n")[2].partition("\n\n")[0]
    for row in table.splitlines()[1:]:
        first, says = row.strip("| ").split(" | ", 1)
        names: list[str] = []
        for begins, ends, _ in A_NAME.findall(first):
            whole = f"INVENTIV{ends}"
            if begins == "…":  # the beginning of the name before it, and another end
                words = names[-1].split("_")
                ways = ["_".join(words[:cut]) + ends for cut in range(1, len(words) + 1)]
                [whole] = [way for way in ways if way in KNOWN]
            names.append(whole)
        yield names, says


def test_the_table_of_settings_names_what_there_is_with_its_default() -> None:
    told = 0
    for names, says in rows():
        assert names, says
        assert set(names) <= KNOWN.keys()
        if numbers := A_DEFAULT.search(says):
            defaults = [str(KNOWN[name].default) for name in names]
            assert numbers[1].split(" and ") == defaults, says
            told += 1
    assert told >= 6


@pytest.mark.parametrize("one", descriptions(), ids=lambda one: one.name)
def test_every_setting_says_what_it_means_and_no_default_but_its_own(one: Description) -> None:
    assert re.fullmatch(r"[A-Z].*\.", one.meaning), one
    keys = [key for key, name in CHANGEABLE.items() if one.name == f"INVENTIV_{name.upper()}"]
    for told in re.findall(r"by default, (\d+|true|mono)\b", one.meaning):
        [default] = [DEFINITIONS[key].default for key in keys]
        assert told == str(default).lower()


def test_every_setting_is_described_once() -> None:
    assert list(KNOWN) == [f"INVENTIV_{name.upper()}" for name in Settings.__struct_fields__]


def command_of(words: list[str]) -> Any:
    """Return what such words run, as far as they name it; nothing if they do not."""
    found: Any = get_command(app)
    found.list_commands(None)  # the client's are looked for only now
    for depth, word in enumerate(words):
        if not hasattr(found, "commands"):
            return found  # what follows are arguments
        if word not in found.commands:
            return None
        found = load(word) if depth == 0 and word in SERVER_COMMANDS else found.commands[word]
    return found


def test_the_commands_it_names_are_commands_with_such_options() -> None:
    lines = re.findall(r"`(?:[A-Z_]+=\S+ )?inventiv ([a-z][^`]*)`", README)
    lines += re.findall(r"^(?:\.venv/bin/)?inventiv ([^#\n]+)", README, re.MULTILINE)
    assert len(lines) > 40
    for line in lines:
        words = re.findall(r"^[a-z-]+|(?<= )[a-z-]+(?= |$)", line.split(" -", maxsplit=1)[0])
        command = command_of(words)
        assert command is not None, line
        options = {name for parameter in command.params for name in parameter.opts}
        assert set(re.findall(r"(?<= )--[a-z-]+", line)) <= options, line


def test_the_files_and_programs_it_names_are_there() -> None:
    paths = set(
        re.findall(r"`((?:inventiv_\w+|tests)/[\w/.]+|\.ci/\w+|\w+\.(?:yaml|sql))`", README)
    )
    assert len(paths) > 5
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    programs = set(re.findall(r"python -m ([\w.]+\w)", README))
    assert programs
    assert {name for name in programs if find_spec(name) is None} == set()


GUIDES = (inventiv_core, inventiv_adapters.cloud)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.__name__)
def test_who_adds_something_is_sent_to_what_is_there(guide: Any) -> None:
    assert f"`{guide.__name__}`" in README.partition("### Change it")[2]
    said = " ".join((guide.__doc__ or "").split())
    paths = {path for path in re.findall(r"``([\w/.]+)``", said) if "/" in path}
    assert len(paths) > 10
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    named = re.findall(r"``(\w+)`` of ``([\w/.]+)``", said)
    assert len(named) > 4
    for name, path in named:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), (name, path)
