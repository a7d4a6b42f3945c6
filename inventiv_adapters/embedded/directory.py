"""The data directory: who may use it, and the secrets that live in it."""

import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

_SECRET_BYTES = 32


class DataDirectoryUnusable(Exception):
    """The data directory cannot be used, for a reason the operator can mend."""


class DataDirectory:
    """A private directory that one server at a time may use, or several that share it.

    Those with ``shared`` let each other in, and nobody else. The lock is the operating
    system's: it ends with the process, however that ends.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self.path = path.expanduser().resolve()
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = (
                f"The data directory {self.path} cannot be written to ({error.strerror}). "
                "Choose another one with --data-dir, or change its owner."
            )
            raise DataDirectoryUnusable(message) from error
        try:
            fcntl.flock(self._lock, self._how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            self._lock = None
            message = (
                f"The data directory {self.path} is in use by another server. "
                "Stop that one first, or choose another directory with --data-dir."
            )
            raise DataDirectoryUnusable(message) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self, name: str = "secret-key") -> str:
        """Return a secret of the installation's own: drawn once, readable by its owner only."""
        file = self.path / name
        if not file.exists():
            self.write_private(name, secrets.token_hex(_SECRET_BYTES))
        return file.read_text().strip()

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only its owner can read, whole or not at all."""
        file, draft = self.path / name, self.path / f".{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            os.fchmod(descriptor, 0o600)  # a crash may have left a draft that others can read
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
        return file
