"""What is installed is audited, and nobody takes silence for a good word."""

import subprocess
from pathlib import Path

import pytest

AUDIT = Path(__file__).parent.parent / ".ci" / "audit"


@pytest.mark.parametrize(
    ("words", "code", "status", "told"),
    [
        ("No known vulnerabilities found", 0, 0, "No known vulnerabilities found"),
        (
            "No known vulnerabilities found\nidna Dependency not found and could not be audited",
            0,
            0,
            "NOT AUDITED: 1 packages",
        ),
        ("Found 2 known vulnerabilities in 1 package", 1, 1, "Found 2 known vulnerabilities"),
        ("Found 1 known vulnerability in 1 package", 1, 1, "Found 1 known vulnerability"),
        ("Traceback …\nrequests.exceptions.ProxyError: no way", 1, 0, "NOT AUDITED"),
    ],
)
def test_an_audit_ends_as_it_should(
    tmp_path: Path, words: str, code: int, status: int, told: str
) -> None:
    auditor = tmp_path / "pip-audit"
    auditor.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{words}\nEND\nexit {code}\n")
    auditor.chmod(0o700)
    done = subprocess.run(  # noqa: S603 - ours
        [str(AUDIT), str(auditor)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert told in done.stdout
    assert words.splitlines()[-1] in done.stdout
