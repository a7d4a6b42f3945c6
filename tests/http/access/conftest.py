"""Every kind of caller, with the credentials of each."""

from collections.abc import Mapping
from typing import Final

import httpx
import pytest

from inventiv_core.identity.access import Holder, OrganizationId
from inventiv_core.identity.entities.users import User
from inventiv_core.workers.use_cases.tokens import new_token
from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, NOON, OTHER, Market, a_key, given, key_text
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

KEYS: Final[Mapping[str, tuple[str, OrganizationId | None]]] = {
    "owner's key": ("owner", ACME),
    "user's key": ("user", ACME),
    "stranger's key": ("stranger", OTHER),
    "loner's key": ("loner", None),
}
"""API keys: whose they are, and in which workspace."""

WORKER: Final = "other's worker"
"""A worker, with a token that is good, on a machine of another organization."""

FOREIGN: Final = ("stranger", "loner", "root", "stranger's key", "loner's key", WORKER)
"""Those who do not belong to ACME."""

Credentials = dict[str, dict[str, str]]


@pytest.fixture
async def credentials(
    sign_in: SignIn, root: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> Credentials:
    """Return the headers of every caller, by name."""
    cookie = SETTINGS.session_cookie_name
    headers: Credentials = {}
    for name in HOLDERS_OF:
        client = root if name == "root" else await sign_in(name)
        headers[name] = {"authorization": f"Bearer {client.cookies[cookie]}"}
    for number, (name, (user, workspace)) in enumerate(KEYS.items()):
        text = key_text(number)
        [user_id] = [u.id for u in memory.database().table(User).values() if u.username == user]
        await given(memory.unit_of_work(), a_key(text, user=user_id, organization=workspace))
        headers[name] = {"authorization": f"Bearer {text}"}
    headers[WORKER] = {"authorization": f"Bearer {await _token(memory, market)}"}
    return headers


async def _token(memory: MemoryAdapters, market: Market) -> str:
    """Return the token of a worker of another organization."""
    instance = market.instance(organization_id=OTHER)
    token, kept = new_token(instance.id, 1, memory.worker_tokens(), at=NOON)
    await given(memory.unit_of_work(), instance)
    async with memory.unit_of_work()() as work:
        await work.worker_tokens.put(kept)
    return token
