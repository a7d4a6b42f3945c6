"""Every kind of caller, with the credentials of each."""

from collections.abc import Mapping
from typing import Final

import httpx
import pytest

from inventiv_core.identity.access import Holder
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
async def credentials(sign_in: SignIn, root: httpx.AsyncClient) -> Credentials:
    """Return the headers of every caller, by name."""
    cookie = SETTINGS.session_cookie_name
    headers: Credentials = {}
    for name in HOLDERS_OF:
        client = root if name == "root" else await sign_in(name)
        headers[name] = {"authorization": f"Bearer {client.cookies[cookie]}"}
    return headers
