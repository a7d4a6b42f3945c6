"""Somebody who runs the platform."""

import httpx
import pytest

from inventiv_core.identity.access import PlatformRole, UserId
from inventiv_http.container import MemoryAdapters
from tests.builders import PASSWORD, a_number, a_user, given
from tests.http.conftest import SignIn


@pytest.fixture
async def operator(memory: MemoryAdapters, sign_in: SignIn) -> httpx.AsyncClient:
    """An administrator of the platform, in the personal workspace."""
    password_hash = await memory.password_hasher().hash(PASSWORD)
    user = a_user(
        id=UserId(a_number()),
        username="operator",
        password_hash=password_hash,
        role=PlatformRole.ADMIN,
    )
    await given(memory.unit_of_work(), user)
    return await sign_in("operator")
