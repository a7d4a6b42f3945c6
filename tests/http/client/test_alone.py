"""The client needs two packages, and nothing of the server or the command line."""

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).parents[3]
NEEDED = {"httpx", "httpx_sse"}
THEIRS = {"anyio", "certifi", "h11", "httpcore", "idna", "sniffio", "typing_extensions"}
CALL = f"""
import sys

class NothingElse:
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first in sys.stdlib_module_names or first in {NEEDED | THEIRS}:
            return None
        if name == "inventiv_http" or name.startswith("inventiv_http.client"):
            return None
        raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, NothingElse())
import httpx
from inventiv_http.client import Inventiv
transport = httpx.MockTransport(lambda request: httpx.Response(200, json=[]))
with Inventiv("http://inventiv.test", "key", transport=transport) as inventiv:
    print(inventiv.instances())
try:
    import inventiv_http.cli
except ModuleNotFoundError:
    print("and no more")
"""


def test_it_needs_what_it_says_and_nothing_else() -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", CALL], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (0, "[]\nand no more\n"), done.stderr


def test_the_extra_brings_what_it_needs() -> None:
    brought = {line for line in requires("inventiv") or [] if line.endswith("extra == 'client'")}
    for name in NEEDED:
        assert any(line.startswith(f"{name.replace('_', '-')}<") for line in brought)
