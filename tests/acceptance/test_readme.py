"""What README says to type does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.server import PATIENCE_S, Server, environment

README = (Path(__file__).parents[2] / "README.md").read_text()
PROGRAMS = Path(sys.executable).parent


def block_with(words: str) -> str:
    """Return the block of commands in which there are such words."""
    blocks = re.findall(r"^```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    [block] = [block for block in blocks if words in block]
    return str(block)


def typed(server: Server, block: str) -> str:
    """Return what a shell shows of a block, with our server for the usual one."""
    block = block.replace(".venv/bin/inventiv", "inventiv")
    block = block.replace("127.0.0.1:8003", f"127.0.0.1:{server.port}")
    done = subprocess.run(  # noqa: S603 - our own README
        ["/bin/sh", "-euc", block],
        env=environment(
            INVENTIV_DATA_DIR=str(server.data_dir),
            PATH=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo(server: Server) -> None:
    assert "ready" in typed(server, block_with("inventiv demo"))


def test_a_key_and_a_call(server: Server) -> None:
    if shutil.which("curl") is None:
        pytest.skip("README calls with curl, and there is none here")
    deployed = server.run("deploy", "mock-echo-model", "--wait")
    assert deployed.returncode == 0, deployed.stderr
    heard = typed(server, block_with("keys create"))
    assert heard.count("data: {") > 1
    assert heard.rstrip().endswith("data: [DONE]")
