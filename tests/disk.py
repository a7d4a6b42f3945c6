"""Disks that are full: those of a process, or a small one of one's own."""

import resource
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def files_of_at_most(size_bytes: int, *, pid: int | None = None) -> Generator[None]:
    """Have no file of a process grow larger; by default, of this one."""
    before, hard = _limits(pid)
    _limit(pid, size_bytes, hard)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            _limit(pid, before, hard)


def _limits(pid: int | None) -> tuple[int, int]:
    if pid is None:
        return resource.getrlimit(resource.RLIMIT_FSIZE)
    return resource.prlimit(pid, resource.RLIMIT_FSIZE)


def _limit(pid: int | None, size_bytes: int, hard: int) -> None:
    if pid is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    else:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


@contextmanager
def small(directory: Path, *, size: str = "256k") -> Generator[bool]:
    """Have a directory be a small disk of its own; ``False`` where that is not allowed."""
    directory.mkdir(parents=True, exist_ok=True)
    program = shutil.which("mount")
    words = [program or "", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(directory)]
    is_there = program is not None and _works(words)
    try:
        yield is_there
    finally:
        if is_there:
            assert _works([shutil.which("umount") or "", "-l", str(directory)])


def _works(words: list[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0  # noqa: S603 - the system's own


@contextmanager
def filled(directory: Path) -> Generator[None]:
    """Have no room be left on the disk of a directory."""
    ballast = directory / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        yield
    finally:
        ballast.unlink()
