"""The same world twice, in memory and in Postgres: everything is done in both, and compared."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from dependency_injector.providers import Object
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.kernel.errors import DomainError
from inventiv_http.container import MemoryAdapters, PostgresAdapters
from inventiv_http.settings import Settings
from tests.builders import NOON, Market, Thing, given_teams

Command = Callable[[Any], Awaitable[object]]

_EMPTY = """
    DO $$ BEGIN EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT IN ('installation', 'schema_applied')
    ); END $$
"""

seconds = st.sampled_from([0, 1, 10, 29, 30, 31]).map(lambda number: timedelta(seconds=number))
"""Few enough to meet, and around the `TERM` of a claim."""

TERM = timedelta(seconds=30)


class TwoWorlds:
    """One world in memory, and one in a database that is emptied in between."""

    def __init__(self, runner: asyncio.Runner, postgres: PostgresAdapters) -> None:
        self._runner = runner
        self._postgres = postgres
        self._memory = MemoryAdapters(settings=Object(Settings()))

    def begin(self) -> None:
        """Forget everything."""
        self._memory = MemoryAdapters(settings=Object(Settings()))
        self._runner.run(self._empty())

    async def _empty(self) -> None:
        async with self._postgres.pool().connection() as connection:
            await connection.execute(_EMPTY)

    def both(self, command: Command) -> Any:
        """Return the answer of both."""
        in_memory = self._runner.run(_answer(command, self._memory))
        in_postgres = self._runner.run(_answer(command, self._postgres))
        assert in_memory == in_postgres
        return in_memory


async def _answer(command: Command, adapters: Any) -> object:
    try:
        return await command(adapters)
    except DomainError as error:
        return type(error), error.facts


@contextmanager
def two_worlds(database_url: str) -> Generator[TwoWorlds]:
    """Yield two worlds, on a database of their own."""
    postgres = PostgresAdapters(settings=Object(Settings(database_url=database_url)))
    with asyncio.Runner() as runner:
        runner.run(postgres.pool().open())
        try:
            yield TwoWorlds(runner, postgres)
        finally:
            runner.run(postgres.pool().close())


class InBothWorlds(RuleBasedStateMachine):
    """Something that may be done in any order, with the same answers."""

    def __init__(self, worlds: TwoWorlds) -> None:
        super().__init__()
        self._worlds = worlds
        self.clock = ManualClock(NOON)
        self.market = Market()

    def begin(self, *more: Thing) -> None:
        """Begin anew with Alice, who belongs to ACME alone, the market, and ``more``."""
        self._worlds.begin()
        things = (*self.market.everything, *more)
        self.both(lambda adapters: given_teams(adapters.unit_of_work(), *things))

    @rule(by=seconds)
    def time_passes(self, by: timedelta) -> None:
        self.clock.advance(by)

    def both(self, command: Command) -> Any:
        """Do it in both worlds; return the answer."""
        return self._worlds.both(command)

    def work(self, command: Command) -> Any:
        """Do it in one unit of work."""

        async def run(adapters: Any) -> object:
            async with adapters.unit_of_work()() as work:
                return await command(work)

        return self.both(run)
