"""Fixtures of identity."""

import pytest

from tests.builders import OTHER, PASSWORD, a_membership, a_user, an_organization, given
from tests.core.identity.door import Door


@pytest.fixture
async def door() -> Door:
    """A door that knows Alice, and two organizations of which she owns one."""
    door = Door()
    alice = a_user(password_hash=f"hash of {PASSWORD}")
    acme, other = an_organization(), an_organization(id=OTHER, slug="other")
    await given(door.unit_of_work, alice, acme, other, a_membership())
    return door
