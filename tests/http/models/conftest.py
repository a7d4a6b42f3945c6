"""Somebody who may change the catalog."""

import httpx
import pytest

from inventiv_core.identity.access import PlatformRole, UserId
from inventiv_http.container import MemoryAdapters
from tests.builders import PASSWORD, a_number, a_user, given
from tests.http.conftest import SignIn


@pytest.fixture
async def root(memory: MemoryAdapters, sign_in: SignIn) -> httpx.AsyncClient:
    """An administrator of the platform."""
    user = a_user(
        id=UserId(a_number()),
        username="root",
        role=PlatformRole.ADMIN,
        password_hash=await memory.password_hasher().hash(PASSWORD),
    )
    await given(memory.unit_of_work(), user)
    return await sign_in("root")
