"""Usage on disk until it is in the database: it survives whatever ends the process."""

import errno
import fcntl
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
import structlog

from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.ports import UsageSpool
from inventiv_core.kernel.ids import NewId

_SEGMENT_BYTES: Final = 1024 * 1024
_MOST_KEPT: Final = 10_000
"""Calls that are kept in memory while the disk takes nothing."""
_MOST_KNOWN: Final = 2000
"""Calls that are kept in memory, too, so that their files need not be read; or about as many."""

Before: TypeAlias = Callable[[Callable[[], None]], None]
"""Has something done before any answer goes out that waits to be sent."""

_encode_lines = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder(InferenceUsage).decode

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Segment:
    """A file, and what is in it; ``None`` when that has to be read."""

    path: Path
    usages: list[InferenceUsage] | None


class FileSpool(UsageSpool):
    """Lines of JSON in files of a directory, each written with one call, at once.

    Several processes may use one directory: each has files of its own, and takes over those
    of processes that are gone when it opens.
    """

    def __init__(self, directory: Path, *, new_id: NewId, before: Before | None = None) -> None:
        """With ``before``, all calls that end in one turn of the loop are written in one piece."""
        self._directory = directory
        self._before = before
        self._owner: UUID = new_id()
        self._number = 0
        self._lock: int | None = None
        self._file: int | None = None
        self._size = 0
        self._in_file: list[InferenceUsage] | None = []
        self._full: deque[_Segment] = deque()
        """Files that nothing is written to any more, the oldest first."""
        self._read: deque[tuple[Path, list[InferenceUsage]]] = deque()
        """Those before them, with what of them is not forgotten."""
        self._kept: deque[InferenceUsage] = deque(maxlen=_MOST_KEPT)
        """What is to be written."""
        self._is_lent = False
        """Whether what is kept was taken, and may be forgotten next."""

    def open(self) -> None:
        """Take the directory, and what others have left there."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._directory / f"{self._owner}.lock"
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for left in sorted(self._directory.glob("*.lock")):
            if left != lock:
                self._inherit(left)

    def close(self) -> None:
        """Let go of the directory. What waits there stays, for whoever opens it next."""
        self._write_down()
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._lock = None
        if not self._read and not self._full and not self._size:
            for mine in self._directory.glob(f"{self._owner}*"):
                mine.unlink()

    def put(self, usage: InferenceUsage) -> None:
        self._kept.append(usage)
        if self._before is None:
            self._write_down()
        elif len(self._kept) == 1:
            self._before(self._write_down)

    def _write_down(self) -> None:
        try:
            self._put_down()
        except OSError as error:
            log.error("usage_not_on_disk", error=str(error))  # noqa: TRY400 - the text is enough

    def take(self, limit: int) -> Sequence[InferenceUsage]:
        self._is_lent = False
        with suppress(OSError):  # it is still full: what is kept is taken from memory
            self._put_down()
        while sum(len(usages) for _, usages in self._read) < limit and self._read_on():
            pass
        taken = [usage for _, usages in self._read for usage in usages][:limit]
        self._is_lent = not taken and bool(self._kept)
        return taken or list(self._kept)[:limit]

    def forget(self, count: int) -> None:
        if self._is_lent:
            for _ in range(count):
                self._kept.popleft()
            self._is_lent = False
            return
        while count:
            path, usages = self._read[0]
            here = min(count, len(usages))
            del usages[:here]
            count -= here
            if not usages:
                self._read.popleft()
                path.unlink(missing_ok=True)

    def _read_on(self) -> bool:
        """Go on with one more file, and tell whether there was one."""
        if not self._full and self._size:
            self._rotate()
        if not self._full:
            return False
        segment = self._full[0]
        usages = _read(segment.path) if segment.usages is None else segment.usages
        self._full.popleft()
        if usages:
            self._read.append((segment.path, usages))
        else:
            segment.path.unlink(missing_ok=True)
        return True

    def _put_down(self) -> None:
        """Write what is kept in memory, unless somebody has it: a crash would lose it."""
        if not self._kept or self._is_lent:
            return
        self._write(_encode_lines(self._kept))
        if self._in_file is not None:
            self._in_file += self._kept
        self._kept.clear()
        if self._size >= _SEGMENT_BYTES:
            self._rotate()

    def _write(self, lines: bytes) -> None:
        """Write them all, or raise: a disk that gets full takes the beginning of one."""
        if self._file is None:
            self._file = os.open(
                self._path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
        if os.write(self._file, lines) < len(lines):
            os.ftruncate(self._file, self._size)  # what comes next must not be glued to it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(lines)

    def _path(self) -> Path:
        return self._directory / f"{self._owner}-{self._number:09}.jsonl"

    def _rotate(self) -> None:
        """Have another file be written to next."""
        if self._file is not None:
            os.close(self._file)
        known = sum(len(segment.usages or ()) for segment in self._full)
        if self._in_file is not None and known > _MOST_KNOWN:
            self._in_file = None
        self._full.append(_Segment(self._path(), self._in_file))
        self._file, self._size, self._in_file, self._number = None, 0, [], self._number + 1

    def _inherit(self, lock: Path) -> None:
        """Take over the files of another process, if it is gone."""
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in sorted(self._directory.glob(f"{lock.stem}-*.jsonl")):
                left.rename(self._path())
                self._in_file = None
                self._rotate()
            lock.unlink(missing_ok=True)
        except BlockingIOError:
            return
        finally:
            os.close(descriptor)


def _read(path: Path) -> list[InferenceUsage]:
    """Return the calls of a file. A line that was cut off in the middle of a crash is none."""
    usages: list[InferenceUsage] = []
    for line in path.read_bytes().splitlines():
        try:
            usages.append(_decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            log.warning("usage_not_read", file=path.name, error=str(error))
    return usages
