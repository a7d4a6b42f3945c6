"""Attempts: what their port promises, kept by every adapter; and many at once, for real."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from inventiv_core.identity.entities.attempts import Attempts
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.access import TooManyAttempts
from inventiv_core.identity.errors.sessions import InvalidCredentials
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import NOON, a_user, given

WINDOW = timedelta(minutes=15)
MOMENT = timedelta(microseconds=1)


async def count(adapters: Any, key: str = "a", *, at: datetime = NOON) -> Attempts:
    async with adapters.unit_of_work()() as work:
        made: Attempts = await work.attempts.count(key, at=at, window=WINDOW)
    return made


async def test_attempts_are_counted_under_their_key(adapters: Any) -> None:
    assert await count(adapters) == Attempts(count=1, since=NOON)
    assert await count(adapters, at=NOON + WINDOW / 2) == Attempts(count=2, since=NOON)
    assert await count(adapters, "b") == Attempts(count=1, since=NOON)


async def test_a_window_begins_again_with_the_first_attempt_after_its_end(adapters: Any) -> None:
    await count(adapters)
    last = NOON + WINDOW - MOMENT
    assert await count(adapters, at=last) == Attempts(count=2, since=NOON)
    after = NOON + WINDOW
    assert await count(adapters, at=after) == Attempts(count=1, since=after)


async def test_an_attempt_is_taken_back_but_never_more_than_there_are(adapters: Any) -> None:
    await count(adapters)
    async with adapters.unit_of_work()() as work:
        for _ in range(3):
            await work.attempts.take_back("a")
        await work.attempts.take_back("nobody")
    assert (await count(adapters)).count == 1


async def test_what_is_forgiven_begins_at_zero(adapters: Any) -> None:
    for key in ("a", "a", "b", "c"):
        await count(adapters, key)
    async with adapters.unit_of_work()() as work:
        await work.attempts.forgive(["a", "b", "nobody"])
        await work.attempts.forgive([])
    later = NOON + MOMENT
    assert await count(adapters, "a", at=later) == Attempts(count=1, since=later)
    assert await count(adapters, "c", at=later) == Attempts(count=2, since=NOON)


async def test_what_began_long_ago_is_forgotten(adapters: Any) -> None:
    await count(adapters, "a")
    await count(adapters, "b", at=NOON + WINDOW)
    async with adapters.unit_of_work()() as work:
        assert await work.attempts.forget(before=NOON) == 0
        assert await work.attempts.forget(before=NOON + MOMENT) == 1
    assert (await count(adapters, "b", at=NOON + WINDOW)).count == 2


async def test_of_many_guesses_at_once_no_more_are_looked_at_than_allowed(
    postgres: PostgresAdapters,
) -> None:
    password_hash = await postgres.password_hasher().hash("the password")
    await given(postgres.unit_of_work(), a_user(password_hash=password_hash))
    log_in = Application(adapters=postgres).log_in()
    outcomes = await asyncio.gather(
        *(
            log_in("alice", f"guess {n}", actor=Caller(ip_address=f"192.0.2.{n}"))
            for n in range(25)
        ),
        return_exceptions=True,
    )
    most = postgres.settings().login_failures_per_account
    assert sum(isinstance(outcome, InvalidCredentials) for outcome in outcomes) == most
    assert sum(isinstance(outcome, TooManyAttempts) for outcome in outcomes) == 25 - most
