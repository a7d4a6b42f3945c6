"""What the instance ports promise, kept by every adapter."""

from typing import Any

import pytest

from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.instances.errors import InstanceChangedMeanwhile, InstanceNotFound
from tests.builders import ACME, NOON, OTHER, Market, given_teams


async def test_what_was_added_comes_back_equal(adapters: Any) -> None:
    market = Market()
    instance = market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, instance)
    async with adapters.unit_of_work()() as work:
        assert await work.instances.lock(instance.id, owner=ACME) == instance


async def test_other_organizations_see_nothing(adapters: Any) -> None:
    market = Market()
    instance = market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, instance)
    async with adapters.unit_of_work()() as work:
        with pytest.raises(InstanceNotFound):
            await work.instances.lock(instance.id, owner=OTHER)
    queries = adapters.instance_queries()
    assert await queries.find(instance.id, owner=OTHER) is None
    assert not await queries.list(OTHER, archived=False, limit=10)
    [row] = await queries.list(ACME, archived=False, limit=10)
    assert row == await queries.find(instance.id, owner=ACME)
    assert row.progress_percent == 5


async def test_a_change_to_what_has_changed_is_refused(adapters: Any) -> None:
    market = Market()
    instance = market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, instance)
    booting = instance.boot(at=NOON)
    async with adapters.unit_of_work()() as work:
        await work.instances.save(instance, booting, reason="powered on")
    with pytest.raises(InstanceChangedMeanwhile):
        async with adapters.unit_of_work()() as work:
            await work.instances.save(instance, instance.boot(at=NOON), reason="again")
    async with adapters.unit_of_work()() as work:
        stored = await work.instances.lock(instance.id, owner=ACME)
    assert stored == booting
    assert stored.status is InstanceStatus.BOOTING
