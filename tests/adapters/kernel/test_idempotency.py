"""Requests that are sent twice: what the port promises, kept by every adapter."""

import asyncio
from typing import Any

import pytest

from inventiv_adapters.testing.idempotency import KEY, OURS, IdempotencyContract, begin
from inventiv_adapters.testing.times import NOON
from inventiv_core.kernel.idempotency import IdempotentWork
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_http.container import PostgresAdapters


class TestEveryIdempotency(IdempotencyContract):
    """In memory and in Postgres."""

    @pytest.fixture
    def unit_of_work(self, adapters: Any) -> UnitOfWork[IdempotentWork]:
        unit_of_work: UnitOfWork[IdempotentWork] = adapters.unit_of_work()
        return unit_of_work


@pytest.mark.parametrize("first_commits", [True, False])
async def test_whoever_comes_second_waits_for_the_first(
    postgres: PostgresAdapters, *, first_commits: bool
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with postgres.unit_of_work()() as work:
            await work.idempotency.begin(KEY, scope=OURS, at=NOON)
            await work.idempotency.finish(KEY, scope=OURS, result="first")
            begun.set()
            await go_on.wait()
            if not first_commits:
                raise ZeroDivisionError

    async with asyncio.TaskGroup() as group:
        one = group.create_task(_whatever_comes(first()))
        await begun.wait()
        two = group.create_task(begin(postgres.unit_of_work(), result="second"))
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
