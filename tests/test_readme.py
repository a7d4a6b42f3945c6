"""README says what is true."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import inventiv_core

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
    from inventiv_http.settings import FOR_CLIENTS, OTHER_NAMES, Settings  # noqa: PLC0415

    named = set(re.findall(r"\b(?:INVENTIV|DEFAULT)_[A-Z_]+[A-Z]", README))
    known = {f"INVENTIV_{name.upper()}" for name in Settings.__struct_fields__}
    assert named
    assert named <= known | set(OTHER_NAMES) | FOR_CLIENTS


def test_what_checks_everything_sets_up_as_it_says() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    assert "pip install -e '.[dev]' && .venv/bin/pytest" in README
    assert "-e '.[dev]'" in run
    assert ".venv/bin/pytest" in run
