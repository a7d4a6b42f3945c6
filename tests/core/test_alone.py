"""Whoever has Python has the core, and a world in memory to use it in."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EVERY_MODULE = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import inventiv_core
names = [module.name for module in pkgutil.walk_packages(inventiv_core.__path__, "inventiv_core.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
IN_MEMORY = """
import importlib, pathlib, sys
OTHERS = [
    "inventiv_adapters.kernel.chance", "inventiv_adapters.kernel.clock",
    "inventiv_adapters.kernel.ids", "inventiv_adapters.testing.world",
    "inventiv_adapters.testing.stores", "inventiv_adapters.testing.markets",
]
root = pathlib.Path(sys.argv[1])
sys.path.insert(0, sys.argv[1])
names = [
    ".".join(path.relative_to(root).with_suffix("").parts)
    for path in root.glob("inventiv_adapters/**/*.py")
    if "memory" in path.relative_to(root).with_suffix("").parts and path.name != "__init__.py"
]
for name in [*OTHERS, *names]:
    importlib.import_module(name)
print(len(names))
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A directory where nothing of ours is yet."""
    return tmp_path


def put(package: str, folder: Path) -> None:
    """Put one of our packages there, and nothing else."""
    shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))


def run(program: str, folder: Path) -> str:
    """Run a program that has the standard library and that directory; return what it says."""
    bare = [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", program, str(folder)]
    done = subprocess.run(bare, capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_of_the_core_is_there_with_python_alone(bare: Path) -> None:
    put("inventiv_core", bare)
    assert int(run(EVERY_MODULE, bare)) > 100
    with pytest.raises(AssertionError, match="No module named 'msgspec'"):
        run("import msgspec", bare)


def test_so_is_the_world_in_memory(bare: Path) -> None:
    put("inventiv_core", bare)
    put("inventiv_adapters", bare)
    assert int(run(IN_MEMORY, bare)) > 30


def test_what_the_readme_shows_works_with_python_alone(bare: Path) -> None:
    shown = (ROOT / "README.md").read_text().partition("### As a library")[2]
    snippet = re.findall(r"^```python\n(.*?)^```$", shown, re.MULTILINE | re.DOTALL)[0]
    put("inventiv_core", bare)
    put("inventiv_adapters", bare)
    said = run(f"import sys; sys.path.insert(0, sys.argv[1])\n{snippet}", bare)
    assert said.startswith("Model(")
    assert "acme/small" in said
