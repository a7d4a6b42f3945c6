"""Fixtures of models."""

import pytest

from tests.core.models.library import Library


@pytest.fixture
def library() -> Library:
    """A library without a model."""
    return Library()
