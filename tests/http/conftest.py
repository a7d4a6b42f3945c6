"""People who are signed in to the real application, over memory."""

import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from typing import Any, Final, TypeAlias

import httpx
import pytest
from litestar import Litestar

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import OrganizationId, PlatformRole, Role, UserId
from inventiv_http.app import create_app
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import (
    ACME,
    OTHER,
    PASSWORD,
    Market,
    a_membership,
    a_number,
    a_user,
    given,
    given_teams,
)

Json: TypeAlias = dict[str, Any]
SignIn: TypeAlias = Callable[[str], Awaitable[httpx.AsyncClient]]

TEAMS: Final[dict[str, tuple[Role, OrganizationId] | None]] = {
    "owner": (Role.OWNER, ACME),
    "admin": (Role.ADMIN, ACME),
    "manager": (Role.MANAGER, ACME),
    "user": (Role.USER, ACME),
    "stranger": (Role.OWNER, OTHER),
    "loner": None,
}
"""Everybody who may sign in, under the name of what they are."""


def client_of(app: Litestar, *, ip_address: str = "192.0.2.1", **options: Any) -> httpx.AsyncClient:
    """Return a client that calls the application without a network."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, client=(ip_address, 50_000)),  # type: ignore[arg-type]
        base_url="http://inventiv.test",
        **options,
    )


@pytest.fixture(scope="session", autouse=True)
def rare_collections() -> Generator[None]:
    """Collect garbage less often: each application is a large heap of objects that all live."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    yield
    gc.set_threshold(*usual)


@pytest.fixture
def clock(memory: MemoryAdapters) -> ManualClock:
    clock = memory.clock()
    assert isinstance(clock, ManualClock)
    return clock


@pytest.fixture
def app(application: Application) -> Litestar:
    return create_app(application)


@pytest.fixture
async def anonymous(app: Litestar) -> AsyncGenerator[httpx.AsyncClient]:
    """A client that nobody has signed in."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def people(memory: MemoryAdapters) -> None:
    """Store everybody, each with the same password."""
    password_hash = await memory.password_hasher().hash(PASSWORD)
    await given_teams(memory.unit_of_work())
    for name, team in TEAMS.items():
        user = a_user(id=UserId(a_number()), username=name, password_hash=password_hash)
        await given(memory.unit_of_work(), user)
        if team is not None:
            role, organization = team
            membership = a_membership(user=user.id, organization=organization, role=role)
            await given(memory.unit_of_work(), membership)


@pytest.fixture
async def sign_in(app: Litestar, people: None) -> AsyncGenerator[SignIn]:
    """Signs people in, by name."""
    async with AsyncExitStack() as stack:

        async def enter(name: str) -> httpx.AsyncClient:
            client = await stack.enter_async_context(client_of(app))
            answer = await client.post("/auth/login", json={"email": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            return client

        yield enter


@pytest.fixture
async def owner(sign_in: SignIn) -> httpx.AsyncClient:
    """The owner of ACME."""
    return await sign_in("owner")


@pytest.fixture
async def root(memory: MemoryAdapters, sign_in: SignIn) -> httpx.AsyncClient:
    """An administrator of the platform, who belongs to no organization."""
    password_hash = await memory.password_hasher().hash(PASSWORD)
    user = a_user(
        id=UserId(a_number()),
        username="root",
        password_hash=password_hash,
        role=PlatformRole.ADMIN,
    )
    await given(memory.unit_of_work(), user)
    return await sign_in("root")


@pytest.fixture
async def stranger(sign_in: SignIn) -> httpx.AsyncClient:
    """The owner of another organization."""
    return await sign_in("stranger")


@pytest.fixture
async def market(memory: MemoryAdapters) -> Market:
    """What can be deployed."""
    market = Market()
    await given(memory.unit_of_work(), *market.everything)
    return market
