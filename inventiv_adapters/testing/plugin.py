"""The plugin of pytest: the fixtures that begin with ``inventiv_``.

Nothing happens until one of them is used: what they need is imported by then, and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from inventiv_adapters.kernel.clock import ManualClock
    from inventiv_adapters.kernel.ids import SerialIds
    from inventiv_adapters.testing.world import MemoryWorld

# What fails in a contract is to be shown like what fails in the test beside it.
pytest.register_assert_rewrite(
    "inventiv_adapters.testing.buses",
    "inventiv_adapters.testing.clouds",
    "inventiv_adapters.testing.idempotency",
    "inventiv_adapters.testing.machines",
)


@pytest.fixture
def inventiv_clock() -> ManualClock:
    """A clock that moves only when told to; it begins on the first of January 2026, at noon."""
    from inventiv_adapters.testing.world import a_clock  # noqa: PLC0415 - not before it is used

    return a_clock()


@pytest.fixture
def inventiv_ids() -> SerialIds:
    """Identifiers that are the same in every run: 1, 2, 3."""
    from inventiv_adapters.kernel.ids import SerialIds  # noqa: PLC0415

    return SerialIds()


@pytest.fixture
def inventiv_memory(inventiv_clock: ManualClock, inventiv_ids: SerialIds) -> MemoryWorld:
    """Every port in memory, of one world, with time, identity and chance under control."""
    from inventiv_adapters.testing.world import MemoryWorld  # noqa: PLC0415

    return MemoryWorld(clock=inventiv_clock, new_id=inventiv_ids)
