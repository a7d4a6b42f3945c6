"""Drive one target with Atheris."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["inventiv_core", "inventiv_adapters", "inventiv_http", "tests.fuzz"]
):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Read which target, and libFuzzer's own options, from the command line."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"Name one of: {', '.join(TARGETS)}")
    target = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, *sys.argv[2:]], target.run)
        atheris.Fuzz()


main()
