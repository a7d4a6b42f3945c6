"""Fixtures of the core: a world in memory."""

import pytest

from tests.core.world import World


@pytest.fixture
async def world() -> World:
    """A control plane that has just been set up."""
    return await World.build()
