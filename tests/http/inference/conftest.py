"""A gateway over real HTTP, an engine behind it, and somebody who calls."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import httpx
import pytest
from dependency_injector.providers import Object
from litestar import Litestar

from inventiv_core.identity.access import PLATFORM, OrganizationId
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.entities.routing import Attempt, Router
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import ACME, Market, a_worker, given
from tests.conftest import SETTINGS, under_control
from tests.http.conftest import SignIn
from tests.http.inference.engine import Engine
from tests.http.server import eventually, served

Worker: TypeAlias = Callable[..., Awaitable[Instance]]


class CountingRouter(Router):
    """A router that can be asked how much is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.under_way = 0

    def begin(self, route: Route) -> Attempt:
        self.begun += 1
        self.under_way += 1
        return super().begin(route)

    def end(self, attempt: Attempt) -> None:
        super().end(attempt)
        self.under_way -= 1


@pytest.fixture
def router() -> CountingRouter:
    return CountingRouter()


@pytest.fixture
def memory(router: CountingRouter) -> MemoryAdapters:
    """The world in memory, with a router that counts."""
    return MemoryAdapters(settings=Object(SETTINGS), router=Object(router), **under_control())


@pytest.fixture
async def engine() -> AsyncGenerator[Engine]:
    async with Engine().running() as engine:
        yield engine


@pytest.fixture
def worker(memory: MemoryAdapters, application: Application, market: Market) -> Worker:
    """Adds a worker that is ready, and routes to it."""

    async def add(port: int, *, owner: OrganizationId = ACME, queue_depth: int = 0) -> Instance:
        instance = market.instance(owner=owner, status=InstanceStatus.READY, ip_address="127.0.0.1")
        ready = a_worker(instance, vllm_port=port, queue_depth=queue_depth)
        await given(memory.unit_of_work(), instance, ready)
        await application.refresh_routes()(actor=PLATFORM)
        return instance

    return add


@pytest.fixture(autouse=True)
async def engines(memory: MemoryAdapters) -> AsyncGenerator[None]:
    """Be ready to call engines."""
    await memory.engines().open()
    yield
    await memory.engines().close()


@pytest.fixture
async def url(app: Litestar) -> AsyncGenerator[str]:
    """The address of the application, over real HTTP."""
    async with served(app) as url:
        yield url


@pytest.fixture
async def token(sign_in: SignIn) -> str:
    """The session token of ACME's owner."""
    return (await sign_in("owner")).cookies[SETTINGS.session_cookie_name]


@pytest.fixture
async def caller(url: str, token: str) -> AsyncGenerator[httpx.AsyncClient]:
    """ACME's owner, over real HTTP."""
    headers = {"Authorization": f"Bearer {token}"}
    async with AsyncExitStack() as stack:
        client = httpx.AsyncClient(base_url=url, headers=headers, timeout=10)
        yield await stack.enter_async_context(client)


CHAT = "/v1/chat/completions"


def asking(**fields: Any) -> dict[str, Any]:
    """Return the body of a call."""
    messages = [{"role": "user", "content": "Hi."}]
    return {"model": "mock-echo-model", "messages": messages, **fields}


async def used(memory: MemoryAdapters, router: CountingRouter) -> Any:
    """Return the one call that was metered, once it is over."""
    await eventually(lambda: router.begun and not router.under_way)
    [usage] = memory.usage_spool().take(10)
    return usage
