"""Orders for machines, and patience with those who rent them out."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar
from uuid import UUID

from inventiv_core.cloud.entities import (
    Created,
    MachineNeeds,
    MachineOrder,
    MachineTag,
    WorkerSetup,
)
from inventiv_core.cloud.entities import Machine as RentedMachine
from inventiv_core.cloud.ports import CloudProvider

ACME = UUID(int=0xACE)
OURS = UUID(int=0x0A5)
THEIRS = UUID(int=0x7E5)
MODEL = "mock/echo"
NOWHERE = "http://127.0.0.1:9"
HERE, THERE = "fr-par-2", "nl-ams-1"
"""Zones that every provider knows, also one that looks closely."""
SECRET = "wk_only-the-worker-may-know"
ENGINE_KEY = "ek_only-the-gateway-may-know"

Result = TypeVar("Result")

_numbers = count(0xB000)


def a_tag(*, installation_id: UUID = OURS, instance_id: UUID | None = None) -> MachineTag:
    """Return what is written on one of our machines; each is another one's."""
    return MachineTag(
        installation_id=installation_id,
        organization_id=ACME,
        instance_id=instance_id or UUID(int=next(_numbers)),
    )


def an_order(
    tag: MachineTag | None = None,
    *,
    zone: str = HERE,
    control_plane_url: str = NOWHERE,
    auth_token: str = SECRET,
    heartbeat_interval_s: int = 0,
    engine_key: str | None = ENGINE_KEY,
    instance_type: str = "L4-1-24G",
    needs: MachineNeeds | None = None,
) -> MachineOrder:
    """Return an order; nobody answers where its machine would register."""
    tag = tag or a_tag()
    return MachineOrder(
        tag=tag,
        name=f"inventiv-{tag.instance_id}",
        zone=zone,
        instance_type=instance_type,
        setup=WorkerSetup(
            control_plane_url=control_plane_url,
            instance_id=tag.instance_id,
            model_id=MODEL,
            auth_token=auth_token,
            heartbeat_interval_s=heartbeat_interval_s,
            engine_key=engine_key,
        ),
        needs=needs or MachineNeeds(),
    )


async def rented(cloud: CloudProvider, order: MachineOrder | None = None) -> RentedMachine:
    """Rent a machine, which must succeed."""
    outcome = await cloud.create(order or an_order())
    assert isinstance(outcome, Created), outcome
    return outcome.machine


async def started(cloud: CloudProvider, order: MachineOrder | None = None) -> RentedMachine:
    """Rent a machine and power it on."""
    machine = await rented(cloud, order)
    await cloud.start(machine.id, zone=machine.zone)
    return machine


async def eventually(
    look: Callable[[], Awaitable[Result | None]], *, within_s: float = 10.0
) -> Result:
    """Return the first thing ``look`` returns that is true; fail after ``within_s``."""
    async with asyncio.timeout(within_s):
        while True:
            if seen := await look():
                return seen
            await asyncio.sleep(0.005)
