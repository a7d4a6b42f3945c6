"""Every kind of caller, with the credentials of each."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from inventiv_core.identity.access import Holder, PlatformRole, UserId
from inventiv_http.container import MemoryAdapters
from tests.builders import PASSWORD, a_number, a_user, given
from tests.conftest import SETTINGS
from tests.http.conftest import SignIn

H = Holder

HOLDERS_OF: Final[Mapping[str, Holder]] = {
    "owner": H.OWNER,
    "admin": H.ADMIN,
    "manager": H.MANAGER,
    "user": H.USER,
    "stranger": H.OWNER,
    "loner": H.PERSONAL,
    "root": H.PERSONAL | H.GLOBAL,
}
"""Whoever may sign in, and which columns of the table are theirs."""

FOREIGN: Final = ("stranger", "loner", "root")
"""Those who do not belong to ACME."""

Credentials = dict[str, dict[str, str]]


@pytest.fixture
async def credentials(memory: MemoryAdapters, sign_in: SignIn) -> Credentials:
    """Return the headers of every caller, by name."""
    root = a_user(
        id=UserId(a_number()),
        username="root",
        role=PlatformRole.ADMIN,
        password_hash=await memory.password_hasher().hash(PASSWORD),
    )
    await given(memory.unit_of_work(), replace(root))
    headers: Credentials = {}
    for name in HOLDERS_OF:
        client = await sign_in(name)
        headers[name] = {"authorization": f"Bearer {client.cookies[SETTINGS.session_cookie_name]}"}
    return headers
