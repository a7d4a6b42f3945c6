"""Password resets: what they promise, kept by every adapter; and races for one, for real."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.passwords import PasswordReset, PasswordResetId
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.passwords import TokenNotFoundOrExpired
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import ALICE, NOON, a_number, a_user, given

HOUR = timedelta(hours=1)
BOB = UserId(a_number())


def a_reset(
    token_hash: str, *, user: UserId = ALICE, expires_at: datetime = NOON + HOUR
) -> PasswordReset:
    return PasswordReset(
        id=PasswordResetId(a_number()),
        user_id=user,
        token_hash=token_hash,
        created_at=NOON,
        expires_at=expires_at,
    )


async def given_resets(adapters: Any, *resets: PasswordReset) -> None:
    await given(adapters.unit_of_work(), a_user(), a_user(id=BOB, username="bob"))
    async with adapters.unit_of_work()() as work:
        for reset in resets:
            await work.password_resets.put(reset)


async def found(adapters: Any, token_hash: str, *, now: datetime = NOON) -> PasswordReset | None:
    async with adapters.unit_of_work()() as work:
        reset: PasswordReset | None = await work.password_resets.find(token_hash, now=now)
    return reset


async def test_a_reset_is_found_by_its_token_until_it_expires(adapters: Any) -> None:
    reset = a_reset("a")
    await given_resets(adapters, reset)
    assert await found(adapters, "a") == reset
    assert await found(adapters, "a", now=NOON + HOUR - timedelta(microseconds=1)) == reset
    assert await found(adapters, "a", now=NOON + HOUR) is None
    assert await found(adapters, "b") is None


async def test_a_user_has_one_at_a_time(adapters: Any) -> None:
    second, bobs = a_reset("b"), a_reset("c", user=BOB)
    await given_resets(adapters, a_reset("a"), bobs, second)
    assert await found(adapters, "a") is None
    assert await found(adapters, "b") == second
    assert await found(adapters, "c") == bobs


async def test_a_reset_is_taken_once_and_not_when_it_has_expired(adapters: Any) -> None:
    await given_resets(adapters, a_reset("a"), a_reset("b", user=BOB, expires_at=NOON))
    async with adapters.unit_of_work()() as work:
        assert not await work.password_resets.take("b", now=NOON)
        assert not await work.password_resets.take("nothing", now=NOON)
        assert await work.password_resets.take("a", now=NOON)
        assert not await work.password_resets.take("a", now=NOON)


async def test_what_is_withdrawn_or_long_expired_is_no_more(adapters: Any) -> None:
    await given_resets(adapters, a_reset("a"), a_reset("b", user=BOB))
    async with adapters.unit_of_work()() as work:
        await work.password_resets.withdraw(ALICE)
        await work.password_resets.withdraw(ALICE)
        assert await work.password_resets.forget(expired_before=NOON + HOUR) == 0
        assert await work.password_resets.find("b", now=NOON) is not None
        assert await work.password_resets.forget(expired_before=NOON + 2 * HOUR) == 1
        assert await work.password_resets.find("b", now=NOON) is None
    assert await found(adapters, "a") is None


async def test_of_many_who_use_one_link_at_the_same_time_one_does(
    postgres: PostgresAdapters,
) -> None:
    application, tokens = Application(adapters=postgres), postgres.link_tokens()
    await given_resets(postgres, a_reset(tokens.hash("token")))
    caller = Caller(ip_address="192.0.2.1")
    outcomes = await asyncio.gather(
        *(
            application.reset_password()("token", f"password {number}", actor=caller)
            for number in range(5)
        ),
        return_exceptions=True,
    )
    refusals = [outcome for outcome in outcomes if outcome is not None]
    assert len(refusals) == 4
    assert {type(refusal) for refusal in refusals} == {TokenNotFoundOrExpired}
    async with postgres.unit_of_work()() as work:
        user = await work.users.find(ALICE)
    assert user is not None
    hasher = postgres.password_hasher()
    winner = outcomes.index(None)
    assert await hasher.verify(f"password {winner}", user.password_hash)


async def test_of_a_request_and_a_reset_at_the_same_time_no_old_link_survives(
    postgres: PostgresAdapters,
) -> None:
    application, tokens = Application(adapters=postgres), postgres.link_tokens()
    await given_resets(postgres, a_reset(tokens.hash("token")))
    caller = Caller(ip_address="192.0.2.1")
    email = replace(a_user()).email
    await asyncio.gather(
        application.reset_password()("token", "another password", actor=caller),
        application.request_password_reset()(email, actor=caller),
        return_exceptions=True,
    )
    assert await found(postgres, tokens.hash("token")) is None
