"""Usage on disk until it is in the database: it survives whatever ends the process."""

import errno
import fcntl
import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import structlog

from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.ports import UsageSpool
from inventiv_core.kernel.ids import NewId

_SEGMENT_BYTES: Final = 1024 * 1024
_MOST_KEPT: Final = 10_000
"""Calls that are kept in memory while the disk takes nothing."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(InferenceUsage).decode

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Segment:
    path: Path
    usages: list[InferenceUsage]


class FileSpool(UsageSpool):
    """Lines of JSON in files of a directory, each written with one call, at once.

    Several processes may use one directory: each has files of its own, and takes over those
    of processes that are gone when it opens.
    """

    def __init__(self, directory: Path, *, new_id: NewId) -> None:
        self._directory = directory
        self._owner: UUID = new_id()
        self._number = 0
        self._lock: int | None = None
        self._file: int | None = None
        self._size = 0
        self._full: deque[Path] = deque()
        """Files that nothing is written to any more, the oldest first."""
        self._read: deque[_Segment] = deque()
        """The oldest files, with what of them is not forgotten."""
        self._kept: deque[InferenceUsage] = deque(maxlen=_MOST_KEPT)
        self._is_lent = False
        """Whether what is kept in memory was taken, and may be forgotten next."""

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
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._lock = None
        if not self._read and not self._full and not self._size:
            for mine in self._directory.glob(f"{self._owner}*"):
                mine.unlink()

    def put(self, usage: InferenceUsage) -> None:
        try:
            self._put_down()
            self._write(usage)
        except OSError as error:
            self._kept.append(usage)
            log.error("usage_not_on_disk", error=str(error))  # noqa: TRY400 - the text is enough

    def take(self, limit: int) -> Sequence[InferenceUsage]:
        self._is_lent = False
        with suppress(OSError):  # it is still full: what is kept is taken from memory
            self._put_down()
        while sum(len(segment.usages) for segment in self._read) < limit and self._read_on():
            pass
        usages = [usage for segment in self._read for usage in segment.usages][:limit]
        self._is_lent = not usages and bool(self._kept)
        return usages or list(self._kept)[:limit]

    def forget(self, count: int) -> None:
        if self._is_lent:
            for _ in range(count):
                self._kept.popleft()
            self._is_lent = False
            return
        while count:
            segment = self._read[0]
            here = min(count, len(segment.usages))
            del segment.usages[:here]
            count -= here
            if not segment.usages:
                self._read.popleft()
                segment.path.unlink(missing_ok=True)

    def _read_on(self) -> bool:
        """Read one more file, and tell whether there was one."""
        if not self._full and self._size:
            self._rotate()
        if not self._full:
            return False
        segment = _Segment(self._full[0], _read(self._full[0]))
        self._full.popleft()
        if segment.usages:
            self._read.append(segment)
        else:
            segment.path.unlink(missing_ok=True)
        return True

    def _put_down(self) -> None:
        """Write what is kept in memory, unless somebody has it: a crash would lose it."""
        while self._kept and not self._is_lent:
            self._write(self._kept[0])
            self._kept.popleft()

    def _write(self, usage: InferenceUsage) -> None:
        """Write a line as a whole, or raise: a disk that gets full takes the beginning of one."""
        line = _encode(usage) + b"\n"
        if self._file is None:
            self._file = os.open(
                self._path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
        if os.write(self._file, line) < len(line):
            os.ftruncate(self._file, self._size)  # what comes next must not be glued to it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(line)
        if self._size >= _SEGMENT_BYTES:
            self._rotate()

    def _path(self) -> Path:
        return self._directory / f"{self._owner}-{self._number:09}.jsonl"

    def _rotate(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._full.append(self._path())
        self._file, self._size, self._number = None, 0, self._number + 1

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
