"""What the server writes about itself: one JSON object per line on standard error."""

import json
import logging
import sys
from typing import TextIO

import structlog


def set_up(level: int = logging.INFO) -> None:
    """Send all logs, ours and the libraries', to standard error.

    Tracebacks are plain text: local variables may be secrets.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(_Unfailing(sys.stderr)),  # type: ignore[arg-type]  # all it uses
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # would log every request


class _Unfailing:
    """A stream that takes what it can: a full disk must not end the work that is told of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said = ""
        self._lost = 0
        """Lines that could not be written since the last one that could."""

    def write(self, text: str) -> int:
        """Take a part of a line."""
        self._said += text
        return len(text)

    def flush(self) -> None:
        """Write the line; once that works again, say before it how many are missing."""
        said, self._said = self._said, ""
        missing = json.dumps({"event": "lines_lost", "lines": self._lost}) + "\n"
        try:
            self._stream.write(missing + said if self._lost else said)
            self._stream.flush()
        except (OSError, ValueError):  # the latter, when it is closed
            self._lost += 1
        else:
            self._lost = 0
