"""What the cloud in memory does on request, and where to rent."""

from datetime import timedelta
from uuid import uuid4

import pytest

from inventiv_adapters.cloud.memory import AnswerLost, FixedClouds, MemoryCloud
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_core.cloud.entities import (
    Absent,
    Created,
    Denied,
    Found,
    RefusalReason,
    Refused,
    Throttled,
    Unknown,
)
from inventiv_core.cloud.errors import CloudNotConfigured, NoCloudAdapter
from inventiv_core.cloud.ports import Account
from tests.adapters.cloud.builders import an_order, rented


@pytest.fixture
def cloud() -> MemoryCloud:
    return MemoryCloud(clock=SystemClock(), new_id=SerialIds())


async def test_scripted_answers_come_once_each_in_order(cloud: MemoryCloud) -> None:
    refused = Refused(reason=RefusalReason.QUOTA, detail="Two machines are enough.")
    throttled = Throttled(retry_after=timedelta(seconds=1))
    cloud.next_create.add(refused, throttled)
    order = an_order()
    assert await cloud.create(order) == refused
    assert await cloud.create(order) == throttled
    assert await cloud.find(order.tag, zone=order.zone) == Absent()
    assert isinstance(await cloud.create(order), Created)
    assert cloud.orders == [order]


async def test_a_lost_answer_hides_that_it_was_done(cloud: MemoryCloud) -> None:
    cloud.next_create.add(AnswerLost())
    order = an_order()
    assert isinstance(await cloud.create(order), Unknown)
    found = await cloud.find(order.tag, zone=order.zone)
    assert isinstance(found, Found)
    [machine] = found.machines

    cloud.next_delete.add(AnswerLost())
    assert isinstance(await cloud.delete(machine.id, zone=machine.zone), Unknown)
    assert not cloud.machines


async def test_each_operation_has_a_script_of_its_own(cloud: MemoryCloud) -> None:
    machine = await rented(cloud)
    denied = Denied(detail="no")
    for script in (
        cloud.next_find, cloud.next_start, cloud.next_delete, cloud.next_list, cloud.next_check,
    ):  # fmt: skip
        script.add(denied)
    assert await cloud.check_credentials({}) == denied
    assert await cloud.find(machine.tag, zone=machine.zone) == denied
    assert await cloud.start(machine.id, zone=machine.zone) == denied
    assert await cloud.delete(machine.id, zone=machine.zone) == denied
    assert await cloud.list(machine.tag.installation_id) == denied
    assert list(cloud.machines.values()) == [machine]


async def test_a_provider_without_an_account_is_not_configured(cloud: MemoryCloud) -> None:
    clouds = FixedClouds({"mock": cloud})
    assert await clouds.of("mock", organization_id=uuid4()) is cloud
    with pytest.raises(NoCloudAdapter) as refusal:
        await clouds.of("elsewhere", organization_id=uuid4())
    assert refusal.value.facts == {"provider_code": "elsewhere"}
    assert isinstance(refusal.value, CloudNotConfigured)


async def test_accounts_are_listed_once_each(cloud: MemoryCloud) -> None:
    other = MemoryCloud(clock=SystemClock(), new_id=SerialIds())
    clouds = FixedClouds({"a": cloud, "b": other, "c": cloud})
    assert await clouds.accounts() == (
        Account(provider_code="a", cloud=cloud),
        Account(provider_code="b", cloud=other),
    )
