"""What connections to PostgreSQL are like, reached directly and through poolers."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from dependency_injector.providers import Object
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from inventiv_adapters.kernel.postgres.pool import (
    Pooler,
    WrongLine,
    must_be_the_right_line,
    open_later,
)
from inventiv_http.container import PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres as real
from tests.adapters.catalog.test_races import (
    test_of_several_who_add_the_same_one_does_even_without_taking_turns,
    test_processes_that_start_together_seed_once,
    test_two_renames_into_the_same_name_are_one,
    test_zones_that_two_set_at_once_are_those_of_one,
)
from tests.adapters.instances.test_leases import (
    test_claims_at_the_same_time_share_the_work,
    test_what_is_claimed_is_nobody_elses_until_it_runs_out,
    test_what_was_asked_for_survives_a_renewal,
)
from tests.adapters.kernel.test_outbox import (
    test_a_relay_that_has_lost_its_connection_listens_again,
    test_nothing_is_published_before_the_commit,
    test_what_was_undone_is_never_published,
)
from tests.adapters.realtime.test_contract import (
    test_many_who_commit_and_many_relays_give_one_order,
    test_whoever_commits_late_is_numbered_late,
)
from tests.conftest import SECRET, SECRETS_KEY, under_control
from tests.pooler import pooler

__all__ = [  # contracts, here kept through a pooler: the fixtures below are not the usual ones
    "test_a_relay_that_has_lost_its_connection_listens_again",
    "test_claims_at_the_same_time_share_the_work",
    "test_many_who_commit_and_many_relays_give_one_order",
    "test_nothing_is_published_before_the_commit",
    "test_of_several_who_add_the_same_one_does_even_without_taking_turns",
    "test_processes_that_start_together_seed_once",
    "test_two_renames_into_the_same_name_are_one",
    "test_what_is_claimed_is_nobody_elses_until_it_runs_out",
    "test_what_was_asked_for_survives_a_renewal",
    "test_what_was_undone_is_never_published",
    "test_whoever_commits_late_is_numbered_late",
    "test_zones_that_two_set_at_once_are_those_of_one",
]

PREPARED = "SELECT count(*) FROM pg_prepared_statements"


@pytest.fixture
def through(database_url: str, tmp_path: Path) -> Any:
    """The address of a pooler in transaction mode."""
    with pooler(tmp_path, database_url, connections=3) as url:
        yield url


@pytest.fixture
async def postgres(database_url: str, through: str) -> AsyncGenerator[PostgresAdapters]:
    """The world in Postgres, through a pooler."""
    settings = Settings(
        jwt_secret=SECRET,
        secrets_key=SECRETS_KEY,
        database_url=through,
        database_direct_url=database_url,
    )
    adapters = PostgresAdapters(settings=Object(settings), **under_control())
    async with adapters.pool():
        yield adapters
        await adapters.relay().close()


@pytest.fixture
def adapters(postgres: PostgresAdapters) -> PostgresAdapters:
    return postgres


async def asked(url: str, question: str, *, pooler: Pooler | None = None, times: int = 1) -> Any:
    async with (
        open_later(url, max_connections=2, pooler=pooler, wait_s=5) as pool,
        pool.connection() as connection,
    ):
        for _ in range(times):
            cursor = await connection.execute(question.encode())
        row = await cursor.fetchone()
        return None if row is None else row[0]


async def test_statements_are_prepared_where_they_stay(database_url: str) -> None:
    assert await asked(database_url, PREPARED, times=3) == 1
    assert await asked(database_url, PREPARED, pooler="session", times=3) == 1


async def test_nothing_is_prepared_where_it_would_be_anothers(
    database_url: str, through: str
) -> None:
    assert await asked(through, PREPARED, pooler="transaction", times=9) == 0
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        cursor = await connection.execute(PREPARED)
        assert await cursor.fetchone() == (0,)


async def test_what_an_address_says_of_sessions_holds_beside_what_we_say(database_url: str) -> None:
    url = make_conninfo(database_url, options="-c statement_timeout=7s -c TimeZone=Asia/Tokyo")
    assert await asked(url, "SHOW statement_timeout") == "7s"
    assert await asked(url, "SHOW TimeZone") == "UTC"
    assert await asked(url, "SHOW statement_timeout", pooler="session") == "7s"
    assert await asked(url, "SHOW TimeZone", pooler="session") == "UTC"


async def test_the_right_lines_are_let_pass(database_url: str, through: str) -> None:
    await must_be_the_right_line(database_url, None, None)
    await must_be_the_right_line(through, None, "session")  # as they say
    await must_be_the_right_line(through, database_url, "transaction")
    await must_be_the_right_line(database_url, database_url, "transaction")


async def refusal(url: str, direct_url: str | None, pooler: Pooler | None) -> str:
    with pytest.raises(WrongLine) as refused:
        await must_be_the_right_line(url, direct_url, pooler)
    return str(refused.value)


async def test_lines_on_which_something_would_not_work_are_refused(
    postgres_server: str, database_url: str, through: str
) -> None:
    assert "There is a pooler" in await refusal(through, None, None)
    assert "needs INVENTIV_DATABASE_DIRECT_URL" in await refusal(through, None, "transaction")
    assert "DIRECT_URL, too" in await refusal(through, through, "transaction")
    another = await refusal(through, postgres_server, "transaction")
    assert "lead to two databases" in another


async def test_a_pooler_before_other_days_is_refused(database_url: str, tmp_path: Path) -> None:
    name = real.name_of(database_url)
    real.run(database_url, f"ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'")
    await must_be_the_right_line(database_url, None, None)  # each session is told
    with pooler(tmp_path, database_url) as url:
        said = await refusal(url, database_url, "transaction_prepared")
    assert f"ALTER DATABASE {name} SET TimeZone = 'UTC'" in said


async def test_a_connection_with_other_days_is_not_used(database_url: str, tmp_path: Path) -> None:
    name = real.name_of(database_url)
    real.run(database_url, f"ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'")
    with pooler(tmp_path, database_url) as url:
        pool = open_later(url, max_connections=1, pooler="transaction", wait_s=0.5)
        async with pool:
            with pytest.raises(Exception, match="couldn't get a connection"):
                async with pool.connection():
                    pass


async def test_statements_are_prepared_where_the_pooler_keeps_them(
    database_url: str, tmp_path: Path
) -> None:
    with pooler(tmp_path, database_url, connections=1, prepared=True) as url:
        assert await asked(url, PREPARED, pooler="transaction_prepared", times=3) == 1
