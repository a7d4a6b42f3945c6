"""Requests that are sent twice: what the port promises, kept by every adapter."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.kernel.idempotency import (
    IDEMPOTENCY_LIFETIME,
    IdempotencyKey,
    IdempotencyKeyReused,
)
from inventiv_http.container import PostgresAdapters
from tests.builders import ACME, NOON, OTHER

KEY = IdempotencyKey(key="a key", fingerprint="a request")
MOMENT = timedelta(microseconds=1)


async def begin(
    adapters: Any,
    key: IdempotencyKey = KEY,
    *,
    scope: UUID = ACME,
    after: timedelta = timedelta(0),
    result: str | None = None,
) -> str | None:
    async with adapters.unit_of_work()() as work:
        known: str | None = await work.idempotency.begin(key, scope=scope, at=NOON + after)
        if result is not None:
            await work.idempotency.finish(key, scope=scope, result=result)
    return known


async def test_the_same_request_is_told_what_the_first_one_was(adapters: Any) -> None:
    assert await begin(adapters, result="done") is None
    assert await begin(adapters) == "done"
    assert await begin(adapters, after=IDEMPOTENCY_LIFETIME - MOMENT) == "done"


async def test_another_request_needs_another_key(adapters: Any) -> None:
    await begin(adapters, result="done")
    with pytest.raises(IdempotencyKeyReused) as refusal:
        await begin(adapters, replace(KEY, fingerprint="another request"))
    assert refusal.value.facts == {"key": "a key"}
    assert await begin(adapters) == "done"


async def test_each_organization_has_keys_of_its_own(adapters: Any) -> None:
    await begin(adapters, result="done")
    other = replace(KEY, fingerprint="another request")
    assert await begin(adapters, other, scope=OTHER, result="theirs") is None
    assert await begin(adapters) == "done"


async def test_a_key_can_be_used_anew_after_its_lifetime(adapters: Any) -> None:
    await begin(adapters, result="done")
    other = replace(KEY, fingerprint="another request")
    assert await begin(adapters, other, after=IDEMPOTENCY_LIFETIME, result="new") is None
    assert await begin(adapters, other, after=IDEMPOTENCY_LIFETIME) == "new"


async def test_work_that_is_undone_leaves_the_key_free(adapters: Any) -> None:
    async def fail() -> None:
        async with adapters.unit_of_work()() as work:
            await work.idempotency.begin(KEY, scope=ACME, at=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await begin(adapters, replace(KEY, fingerprint="another request")) is None


async def test_old_keys_are_forgotten(adapters: Any) -> None:
    await begin(adapters, result="done")
    async with adapters.unit_of_work()() as work:
        assert await work.idempotency.forget(before=NOON) == 0
        assert await work.idempotency.forget(before=NOON + MOMENT) == 1
    assert await begin(adapters) is None


@pytest.mark.parametrize("first_commits", [True, False])
async def test_whoever_comes_second_waits_for_the_first(
    postgres: PostgresAdapters, *, first_commits: bool
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with postgres.unit_of_work()() as work:
            await work.idempotency.begin(KEY, scope=ACME, at=NOON)
            await work.idempotency.finish(KEY, scope=ACME, result="first")
            begun.set()
            await go_on.wait()
            if not first_commits:
                raise ZeroDivisionError

    async with asyncio.TaskGroup() as group:
        one = group.create_task(_whatever_comes(first()))
        await begun.wait()
        two = group.create_task(begin(postgres, result="second"))
        await asyncio.sleep(0.05)
        assert not two.done()
        go_on.set()
    assert one.done()
    assert two.result() == ("first" if first_commits else None)


async def _whatever_comes(work: Any) -> None:
    try:
        await work
    except ZeroDivisionError:
        return
