"""What an orchestrator of others is told: to the letter, for it is not ours to change."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
import structlog.testing
from redis.asyncio import Redis

from inventiv_adapters.kernel.redis import RedisBus
from inventiv_adapters.orchestration.messages import CHANNEL, commanded
from inventiv_core.commands.entities import CommandKind
from inventiv_core.commands.events import CommandHandedOver, CommandTriggered
from inventiv_core.instances.events import (
    InstanceChanged,
    ProvisioningRequested,
    ReinstallRequested,
    TerminationRequested,
)
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent
from tests.builders import ACME, NOON

ONE, TWO, THREE, FOUR, FIVE, SIX = (UUID(int=number) for number in range(1, 7))
OURS: dict[str, Any] = {"organization_id": ACME, "occurred_at": NOON}
COMMANDS: list[tuple[DomainEvent, dict[str, Any]]] = [
    (
        ProvisioningRequested(
            instance_id=ONE, provider_id=TWO, zone_id=THREE, zone="fr-par-2",
            instance_type_id=FOUR, instance_type="L4-1-24G", model_id=FIVE, correlation_id=SIX,
            **OURS,
        ),
        {
            "type": "CMD:PROVISION", "instance_id": str(ONE), "zone": "fr-par-2",
            "instance_type": "L4-1-24G", "provider_id": str(TWO), "zone_id": str(THREE),
            "instance_type_id": str(FOUR), "model_id": str(FIVE), "correlation_id": str(SIX),
        },
    ),
    (
        TerminationRequested(instance_id=ONE, correlation_id=SIX, **OURS),
        {"type": "CMD:TERMINATE", "instance_id": str(ONE), "correlation_id": str(SIX)},
    ),
    (
        ReinstallRequested(instance_id=ONE, correlation_id=SIX, **OURS),
        {"type": "CMD:REINSTALL", "instance_id": str(ONE), "correlation_id": str(SIX)},
    ),
    (
        CommandHandedOver(command_id=ONE, kind=CommandKind.RECONCILE, occurred_at=NOON),
        {"type": "CMD:RECONCILE"},
    ),
    (
        CommandHandedOver(command_id=ONE, kind=CommandKind.SYNC_CATALOG, occurred_at=NOON),
        {"type": "CMD:SYNC_CATALOG"},
    ),
]  # fmt: skip
NOT_THEIRS = [
    CommandTriggered(command_id=ONE, kind=CommandKind.RECONCILE, occurred_at=NOON),
    InstanceChanged(instance_id=ONE, status="ready", **OURS),
]


async def test_each_command_is_heard_on_their_channel_as_they_know_it(redis_url: str) -> None:
    bus = RedisBus(redis_url, told=commanded, depends_on=CHANNEL)
    await bus.open()
    async with Redis.from_url(redis_url) as client, client.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        events = [*NOT_THEIRS, *(event for event, _ in COMMANDS)]
        with structlog.testing.capture_logs() as logged:
            await bus.publish([Message(id=n, event=event) for n, event in enumerate(events)])
        heard: list[Any] = []
        async with asyncio.timeout(10):
            while len(heard) < len(COMMANDS):
                raw: Any = await channel.get_message(ignore_subscribe_messages=True, timeout=1)
                if raw is not None:
                    heard.append(json.loads(raw["data"]))
    await bus.close()
    assert heard == [command for _, command in COMMANDS]
    assert not logged


@pytest.mark.parametrize("depends_on", [CHANNEL, None])
async def test_that_nobody_listens_is_said_where_somebody_has_to(
    redis_url: str, depends_on: str | None
) -> None:
    bus = RedisBus(redis_url, told=commanded, depends_on=depends_on)
    await bus.open()
    with structlog.testing.capture_logs() as logged:
        await bus.publish([Message(id=1, event=NOT_THEIRS[0])])
        assert not logged
        await bus.publish([Message(id=2, event=COMMANDS[1][0])])
    await bus.close()
    said = [(entry["event"], entry["channel"]) for entry in logged]
    assert said == ([("nobody_listens", CHANNEL)] if depends_on else [])


def test_every_kind_of_command_has_a_word() -> None:
    for kind in CommandKind:
        event = CommandHandedOver(command_id=ONE, kind=kind, occurred_at=NOON)
        assert commanded(Message(id=1, event=event)) is not None
