"""Who gets which events."""

from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.memory import MemoryBus, MemoryDatabase, MemoryRelay
from inventiv_adapters.realtime.memory import MemoryEventLog
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.identity.access import PLATFORM, Actor, Role
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import TenantEvent
from inventiv_core.realtime.entities import DEFAULT_TOPICS, Topic, Watch, event_number, topics
from inventiv_core.realtime.use_cases import (
    FollowEvents,
    ForgetEvents,
    RelayEvents,
    ReplayEvents,
    WatchEvents,
)
from tests.builders import ACME, NOON, OTHER, a_number, an_actor

HERE, ELSEWHERE = a_number(), a_number()


def changed(*, owner: UUID | None = ACME, instance_id: UUID = HERE) -> InstanceChanged:
    return InstanceChanged(
        instance_id=instance_id, organization_id=owner, status="ready", occurred_at=NOON
    )


def logged(*, owner: UUID | None = ACME, instance_id: UUID = HERE) -> ActionLogged:
    return ActionLogged(
        action_log_id=a_number(), instance_id=instance_id, organization_id=owner, occurred_at=NOON
    )


def a_watch(**changes: object) -> Watch:
    return Watch(**{"organization_id": ACME, "topics": DEFAULT_TOPICS} | changes)  # type: ignore[arg-type]


def test_a_watch_gets_the_events_of_its_own_organization_only() -> None:
    for event, owner in product((changed, logged), (ACME, OTHER, None)):
        assert a_watch().wants(event(owner=owner)) is (owner == ACME)


@pytest.mark.parametrize("wanted", [frozenset(), {Topic.ACTIONS}, {Topic.INSTANCES}, {*Topic}])
def test_a_watch_gets_the_topics_it_asked_for(wanted: frozenset[Topic]) -> None:
    watch = a_watch(topics=frozenset(wanted))
    assert watch.wants(changed()) is (Topic.INSTANCES in wanted)
    assert watch.wants(logged()) is (Topic.ACTIONS in wanted)


def test_an_instance_narrows_down_actions_and_only_actions() -> None:
    watch = a_watch(instance_id=HERE)
    assert watch.wants(logged(instance_id=HERE))
    assert not watch.wants(logged(instance_id=ELSEWHERE))
    assert watch.wants(changed(instance_id=ELSEWHERE))


def test_actions_are_for_those_who_may_see_them() -> None:
    watch = a_watch(actions_allowed=False)
    assert not watch.wants(logged())
    assert watch.wants(changed())


def test_what_nobody_knows_nobody_gets() -> None:
    assert not a_watch().wants(TenantEvent(organization_id=ACME, occurred_at=NOON))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {Topic.INSTANCES, Topic.ACTIONS}),
        ("instances", {Topic.INSTANCES}),
        (" Actions , INSTANCES", {Topic.INSTANCES, Topic.ACTIONS}),
        ("action_logs", {Topic.ACTIONS}),
        ("weather", set()),
        ("", set()),
    ],
)
def test_topics_are_a_list_of_known_words(text: str | None, expected: set[Topic]) -> None:
    assert topics(text) == expected


@pytest.mark.parametrize(
    ("role", "sees_actions"),
    [(Role.OWNER, True), (Role.ADMIN, True), (Role.MANAGER, True), (Role.USER, False)],
)
async def test_the_role_decides_who_sees_actions(role: Role, *, sees_actions: bool) -> None:
    watch = await WatchEvents()("actions", HERE, actor=an_actor(role))
    assert watch == a_watch(
        topics=frozenset({Topic.ACTIONS}), instance_id=HERE, actions_allowed=sees_actions
    )


async def test_nothing_happens_in_the_personal_workspace() -> None:
    assert await WatchEvents()(None, None, actor=an_actor(None)) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (None, None), ("", None), (" ", None), ("0", 0), (" 17 ", 17), ("9" * 19, int("9" * 19)),
        ("9" * 20, -1), ("-1", -1), ("1.5", -1), ("x", -1), ("\u0664", -1),
    ],
)  # fmt: skip
def test_what_cannot_be_a_number_of_ours_is_older_than_everything(
    text: str | None, number: int | None
) -> None:
    assert event_number(text) == number


@pytest.mark.parametrize("actor", [an_actor(None), PLATFORM])
async def test_what_was_missed_is_for_members_only(actor: Actor) -> None:
    replay = ReplayEvents(event_log=MemoryEventLog(MemoryDatabase()))
    with pytest.raises(NoCurrentOrganization):
        await replay(a_watch(), 0, 1, actor=actor)


async def test_what_was_missed_is_what_the_watch_wants_of_the_actors_organization() -> None:
    database = MemoryDatabase()
    events = [changed(), logged(), changed(owner=OTHER), changed()]
    database.outbox += [Message(id=number, event=event) for number, event in enumerate(events)]
    await MemoryRelay(database).deliver(MemoryBus().publish)
    replay = ReplayEvents(event_log=MemoryEventLog(database))
    page = await replay(a_watch(topics=frozenset({Topic.INSTANCES})), 0, 4, actor=an_actor())
    assert ([message.id for message in page.messages], page.until) == ([1, 4], 4)
    theirs = await replay(a_watch(), 0, 4, actor=an_actor(organization=OTHER))
    assert theirs.messages == []


async def test_everybodys_events_are_for_the_platform_alone() -> None:
    database = MemoryDatabase()
    database.outbox.append(Message(id=1, event=changed()))
    await MemoryRelay(database).deliver(MemoryBus().publish)
    follow = FollowEvents(event_log=MemoryEventLog(database))
    with pytest.raises(PermissionMissing):
        await follow(0, actor=an_actor())
    assert (await follow(None, actor=PLATFORM)).until == 1
    assert [message.id for message in (await follow(0, actor=PLATFORM)).messages] == [1]


async def test_events_are_relayed_by_the_platform_alone() -> None:
    relay, bus = MemoryRelay(MemoryDatabase()), MemoryBus()
    relay_events = RelayEvents(relay=relay, bus=bus)
    forget_events = ForgetEvents(
        relay=relay, clock=ManualClock(NOON), keep_events=timedelta(days=1)
    )
    assert await relay_events(actor=PLATFORM) == 0
    assert await forget_events(actor=PLATFORM) == 0
    for use_case in (relay_events, forget_events):
        with pytest.raises(PermissionMissing):
            await use_case(actor=an_actor())
