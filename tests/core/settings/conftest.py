"""Fixtures of settings."""

import pytest

from tests.core.settings.cabinet import Cabinet


@pytest.fixture
async def cabinet() -> Cabinet:
    """Everything one can do with settings."""
    return await Cabinet.build()
