"""What everything is checked with is what is asked for."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"([\w.-]+)==([\w.!+]+) --hash=sha256:[0-9a-f]{64}")
ADVICE = "run .ci/constraints, and commit .ci/constraints.txt"


def pinned() -> dict[str, str]:
    """Return the version of each package."""
    first, *lines = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()
    assert re.fullmatch(r"# for: 3\.\d+ \w+ \w+", first)
    matches = [PINNED.fullmatch(line) for line in lines]
    assert all(matches), "each has one version and a hash, and no address"
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def asked() -> list[Requirement]:
    """Return what the extra for developers asks for, with all that it includes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    found = [Requirement(text) for text in project["build-system"]["requires"]]
    waiting = ["dev"]
    while waiting:
        for text in extras[waiting.pop()]:
            requirement = Requirement(text)
            if requirement.name == "inventiv":
                waiting += requirement.extras
            else:
                found.append(requirement)
    return found


def test_what_is_asked_for_is_pinned_in_a_version_that_will_do() -> None:
    versions = pinned()
    assert len(asked()) > 30
    wrong = [
        str(requirement)
        for requirement in asked()
        if versions.get(canonicalize_name(requirement.name), "0") not in requirement.specifier
    ]
    assert not wrong, ADVICE


def test_what_checks_everything_takes_what_is_pinned() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    assert "--require-hashes -r .ci/constraints.txt" in run
