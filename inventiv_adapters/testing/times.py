"""When tests happen."""

from datetime import UTC, datetime
from typing import Final

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When a world begins, unless it is said."""
