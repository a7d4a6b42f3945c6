"""A catalog of one's own."""

import pytest

from tests.core.catalog.shop import Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()
