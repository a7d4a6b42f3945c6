"""What the workbench costs with a thousand runs of a hundred messages each.

    python -m tests.bench.workbench

With a PostgreSQL of its own, or the one in ``TEST_POSTGRES``. Medians of several rounds.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from dependency_injector.providers import Object

from inventiv_core.kernel.pagination import PageRequest, search_page
from inventiv_core.workbench.entities import Reader
from inventiv_core.workbench.use_cases.messages import NewMessage
from inventiv_core.workbench.views import RUN_KEYS, RunFilter, Scope
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres
from tests.adapters.workbench.test_contract import MANY
from tests.bench.machine import database_of_its_own
from tests.builders import ACME, ALICE, an_actor, given_teams

ROUNDS: Final = 7
ME: Final = Reader(user_id=ALICE, organizations=frozenset({ACME}))
TEAM: Final = Scope(organization_id=ACME)


async def measure(url: str) -> None:
    """Fill a database, and print what it takes to read it."""
    adapters = PostgresAdapters(settings=Object(Settings(database_url=url)))
    async with adapters.pool() as pool:
        await given_teams(adapters.unit_of_work())
        async with pool.connection() as connection:
            await connection.execute(MANY, {"organization": ACME, "user": ALICE})
            await connection.execute("ANALYZE workbench_runs, workbench_messages")
        queries = adapters.run_queries()
        [newest] = await queries.list(ME, TEAM, limit=1)

        async def found(where: RunFilter) -> Any:
            find = partial(queries.search, ME, TEAM, where)
            return await search_page(find, PageRequest(limit=50), RUN_KEYS)

        append = Application(adapters=adapters).append_message()
        numbers = iter(range(1_000, 2_000))

        async def said() -> Any:
            new = NewMessage(message_index=next(numbers), role="user", content="Hello")
            return await append(newest.id, new, actor=an_actor())

        await timed("list 50 runs", lambda: queries.list(ME, TEAM, limit=50))
        await timed("list 1000 runs", lambda: queries.list(ME, TEAM, limit=1000))
        await timed("search by model", lambda: found(RunFilter(model_id="m/3")))
        await timed("search for what was said", lambda: found(RunFilter(needle="about it 77")))
        await timed("search for what nobody said", lambda: found(RunFilter(needle="nowhere")))
        await timed("read 100 messages", lambda: queries.messages(newest.id, limit=10_000))
        await timed("append a message", said)
        await adapters.relay().close()


async def timed(name: str, call: Callable[[], Awaitable[Any]]) -> None:
    """Print how long a call takes."""
    taken_ms: list[float] = []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        await call()
        taken_ms.append((time.perf_counter() - began_s) * 1000)
    print(f"{name:<28} {statistics.median(taken_ms):8.1f} ms")


def main() -> None:
    """Run it."""
    with database_of_its_own() as (_, url):
        asyncio.run(postgres.load_schema(url))
        asyncio.run(measure(url))


if __name__ == "__main__":
    main()
