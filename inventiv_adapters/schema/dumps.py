"""Copies of a database in files, made and read by PostgreSQL's own programs."""

import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from inventiv_adapters.embedded.server import EmbeddedPostgres

Told = Callable[[str], None]
"""Hears the name of each table, before its rows are copied."""

_LAST_WORDS: Final = 5
_COUNTED: Final = "schema_migrations"


class DumpFailed(Exception):
    """A copy of the database could not be made, or not be read."""


def write_dump(url: str, file: Path, *, told: Told) -> None:
    """Copy the database into a file, as it is at this moment: whole, or not at all.

    The file is an archive of ``pg_dump``, which only its owner can read.

    Raises:
        DumpFailed: With the words of ``pg_dump``.
    """
    draft = file.with_name(f".{file.name}.new")
    try:
        # made here, so that nobody else can read it at any time
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}."
        raise DumpFailed(message) from error
    try:
        words = ("--format=custom", "--no-owner", "--no-privileges", "--verbose")
        _run("pg_dump", *words, f"--file={draft}", url, told=told)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def steps_in(file: Path) -> frozenset[str]:
    """Return the steps that the schema of a copy has taken.

    Raises:
        DumpFailed: It is no copy of a database of ours.
    """
    text = _run("pg_restore", "--data-only", f"--table={_COUNTED}", "--file=-", str(file))
    rows = iter(text.splitlines())
    for line in rows:
        if line.startswith("COPY ") and _COUNTED in line:
            return frozenset(_first_columns(rows))
    message = f"{file} is not a copy of a database of Inventiv."
    raise DumpFailed(message)


def _first_columns(rows: Iterator[str]) -> Iterator[str]:
    for row in rows:
        if row == r"\.":
            return
        yield row.partition("\t")[0]


def tables_in(file: Path) -> int:
    """Return how many tables with rows of their own a copy holds; raises like `steps_in`."""
    return _run("pg_restore", "--list", str(file)).count(" TABLE DATA ")


def restore_database(url: str, file: Path, *, told: Told) -> None:
    """Put what a file holds into an empty database: all, or nothing.

    Raises:
        DumpFailed: With the words of ``pg_restore``.
    """
    words = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run("pg_restore", *words, "--verbose", f"--dbname={url}", str(file), told=told)


def _run(program: str, *words: str, told: Told = lambda _: None) -> str:
    """Run one of PostgreSQL's programs; return what it writes."""
    last_words: deque[str] = deque(maxlen=_LAST_WORDS)
    with subprocess.Popen(  # noqa: S603 - a program that we bring along
        [str(EmbeddedPostgres.program(program)), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"LC_ALL": "C", "PATH": ""},  # nothing of the environment's has a say
        text=True,
    ) as process:
        said, written = process.stderr, process.stdout
        if said is None or written is None:  # never: both are pipes
            raise AssertionError
        with ThreadPoolExecutor(1) as reader:
            text = reader.submit(written.read)
            for line in said:
                last_words.append(line.strip())
                _tell(line, told)
    if process.returncode:
        raise DumpFailed(" ".join(last_words))
    return text.result()


def _tell(line: str, told: Told) -> None:
    for phrase in ("dumping contents of table", "processing data for table"):
        if phrase in line:
            told(line.rpartition(phrase)[2].strip().strip('"').rpartition(".")[2].strip('"'))
