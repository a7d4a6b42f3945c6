"""What a measurement asks of the machine."""

import asyncio
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests import postgres


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tree_cpu_s(pid: int) -> float:
    """Return the processor time of a process and its children that live."""
    used_s = 0.0
    for each in tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            used_s += cpu_s(each)
    return used_s


def tree(pid: int) -> list[int]:
    """Return a process and its children that live, and theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []
    return [pid, *(each for child in children for each in tree(int(child)))]


def rss_bytes(pid: int) -> int:
    """Return how much memory a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def rss_mb(pid: int) -> float:
    """Return the same in megabytes."""
    return rss_bytes(pid) / 1e6


@contextmanager
def database_of_its_own() -> Generator[tuple[Path, str]]:
    """Start a server for one measurement; yield its directory, and the URL of an empty database."""
    with (
        tempfile.TemporaryDirectory() as directory,
        postgres.server(Path(directory)) as server,
        postgres.database(server) as url,
    ):
        yield Path(directory), url


async def until_ready(port: int, path: str = "/ready") -> None:
    """Return when a server can serve."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(600):
            with suppress(httpx.HTTPError):
                answer = await client.get(f"http://127.0.0.1:{port}{path}", timeout=1)
                if answer.is_success:
                    return
            await asyncio.sleep(0.1)
    message = "the server did not start"
    raise RuntimeError(message)
