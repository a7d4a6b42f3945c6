"""What `IdempotencyRepository` promises, for whoever writes an adapter.

class TestMyKeys(IdempotencyContract):
    @pytest.fixture
    def unit_of_work(self) -> UnitOfWork[IdempotentWork]:
        return MyUnitOfWork(an_empty_database())
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from inventiv_adapters.testing.times import NOON
from inventiv_core.kernel.idempotency import (
    IDEMPOTENCY_LIFETIME,
    IdempotencyKey,
    IdempotencyKeyReused,
    IdempotentWork,
)
from inventiv_core.kernel.unit_of_work import UnitOfWork

KEY = IdempotencyKey(key="a key", fingerprint="a request")
OURS, THEIRS = UUID(int=0xACE), UUID(int=0x7E5)
"""Two scopes."""
MOMENT = timedelta(microseconds=1)


async def begin(
    unit_of_work: UnitOfWork[IdempotentWork],
    key: IdempotencyKey = KEY,
    *,
    scope: UUID = OURS,
    after: timedelta = timedelta(0),
    result: str | None = None,
) -> str | None:
    """Begin a request, and finish it if there is a result; return the one it had."""
    async with unit_of_work() as work:
        known = await work.idempotency.begin(key, scope=scope, at=NOON + after)
        if result is not None:
            await work.idempotency.finish(key, scope=scope, result=result)
    return known


@pytest.mark.asyncio
class IdempotencyContract:
    """To be inherited by a class that is named ``Test…`` and has a fixture ``unit_of_work``."""

    async def test_the_same_request_is_told_what_the_first_one_was(
        self, unit_of_work: UnitOfWork[IdempotentWork]
    ) -> None:
        assert await begin(unit_of_work, result="done") is None
        assert await begin(unit_of_work) == "done"
        assert await begin(unit_of_work, after=IDEMPOTENCY_LIFETIME - MOMENT) == "done"

    async def test_another_request_needs_another_key(
        self, unit_of_work: UnitOfWork[IdempotentWork]
    ) -> None:
        await begin(unit_of_work, result="done")
        with pytest.raises(IdempotencyKeyReused) as refusal:
            await begin(unit_of_work, replace(KEY, fingerprint="another request"))
        assert refusal.value.facts == {"key": "a key"}
        assert await begin(unit_of_work) == "done"

    async def test_each_organization_has_keys_of_its_own(
        self, unit_of_work: UnitOfWork[IdempotentWork]
    ) -> None:
        await begin(unit_of_work, result="done")
        other = replace(KEY, fingerprint="another request")
        assert await begin(unit_of_work, other, scope=THEIRS, result="theirs") is None
        assert await begin(unit_of_work) == "done"

    async def test_a_key_can_be_used_anew_after_its_lifetime(
        self, unit_of_work: UnitOfWork[IdempotentWork]
    ) -> None:
        await begin(unit_of_work, result="done")
        other = replace(KEY, fingerprint="another request")
        assert await begin(unit_of_work, other, after=IDEMPOTENCY_LIFETIME, result="new") is None
        assert await begin(unit_of_work, other, after=IDEMPOTENCY_LIFETIME) == "new"

    async def test_work_that_is_undone_leaves_the_key_free(
        self, unit_of_work: UnitOfWork[IdempotentWork]
    ) -> None:
        async def fail() -> None:
            async with unit_of_work() as work:
                await work.idempotency.begin(KEY, scope=OURS, at=NOON)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await begin(unit_of_work, replace(KEY, fingerprint="another request")) is None

    async def test_old_keys_are_forgotten(self, unit_of_work: UnitOfWork[IdempotentWork]) -> None:
        await begin(unit_of_work, result="done")
        async with unit_of_work() as work:
            assert await work.idempotency.forget(before=NOON) == 0
            assert await work.idempotency.forget(before=NOON + MOMENT) == 1
        assert await begin(unit_of_work) is None
