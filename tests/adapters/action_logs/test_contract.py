"""What the ports of action logs promise, kept by every adapter."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

import pytest
from psycopg.errors import RaiseException

from inventiv_core.action_logs.entities import ActionLog, ActionType, Component
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import ApiKeyId, OrganizationId
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_http.container import PostgresAdapters
from tests.builders import ACME, ALICE, NOON, OTHER, a_number, an_action, an_actor, given

SECOND = timedelta(seconds=1)
CREATE, TERMINATE = ActionType.REQUEST_CREATE, ActionType.REQUEST_TERMINATE


async def listed(
    adapters: Any, where: ActionLogFilter | None = None, *, limit: int = 100
) -> Sequence[ActionLogRow]:
    rows: Sequence[ActionLogRow] = await adapters.action_log_queries().list(
        ACME, where or ActionLogFilter(), limit=limit
    )
    return rows


@pytest.mark.parametrize("is_good", [True, False])
async def test_an_action_is_stored_as_it_stands_until_it_has_ended(
    adapters: Any, *, is_good: bool
) -> None:
    log = replace(
        an_action(metadata={"zone": "fr-par-2", "sizes": [1, 2.5, None, {"é": True}]}),
        source_ip="2001:db8::1",
        instance_status_before="ready",
        actor_name="alice",
        api_key_id=ApiKeyId(a_number()),
    )
    done = log.succeed(at=NOON + SECOND, status_after="terminating", metadata={"id": "i-1"})
    failed = log.fail(code="OUT_OF_STOCK", message="none left", at=NOON + SECOND)
    end = done if is_good else failed
    async with adapters.unit_of_work()() as work:
        for stand in (log, end):
            await work.action_logs.put(stand)
            assert await work.action_logs.last(log.instance_id, CREATE) == stand
        for later in (log, done, failed):
            await work.action_logs.put(later)
            assert await work.action_logs.last(log.instance_id, CREATE) == end
    assert len(await listed(adapters)) == 1


async def test_the_last_action_is_the_newest_of_its_type_on_the_instance(adapters: Any) -> None:
    machine = a_number()
    newest = an_action(CREATE, instance_id=machine, at=NOON + SECOND)
    await given(
        adapters.unit_of_work(),
        newest,
        an_action(CREATE, instance_id=machine),
        an_action(TERMINATE, instance_id=machine, at=NOON + 2 * SECOND),
        an_action(CREATE, at=NOON + 2 * SECOND),
    )
    async with adapters.unit_of_work()() as work:
        assert await work.action_logs.last(machine, CREATE) == newest
        assert await work.action_logs.last(machine, ActionType.HEALTH_CHECK) is None
        assert await work.action_logs.last(a_number(), CREATE) is None


async def test_of_actions_of_the_same_instant_the_later_born_is_the_last(adapters: Any) -> None:
    machine = a_number()
    first, second, third = (an_action(instance_id=machine) for _ in range(3))
    await given(adapters.unit_of_work(), second, third, first)
    async with adapters.unit_of_work()() as work:
        assert await work.action_logs.last(machine, CREATE) == third
    assert [row.id for row in await listed(adapters)] == [third.id, second.id, first.id]


async def test_the_list_is_newest_first_up_to_a_limit(adapters: Any) -> None:
    logs = [an_action(at=NOON + age * SECOND) for age in (1, 3, 0, 2)]
    await given(adapters.unit_of_work(), *logs)
    rows = await listed(adapters, limit=3)
    assert [row.created_at - NOON for row in rows] == [3 * SECOND, 2 * SECOND, SECOND]


async def test_the_list_shows_what_is_stored(adapters: Any) -> None:
    log = an_action(metadata={"zone": "fr-par-2"}).fail(
        code="OUT_OF_STOCK", message="none left", at=NOON + SECOND, status_after="failed"
    )
    await given(adapters.unit_of_work(), log)
    [row] = await listed(adapters)
    shown = asdict(row)
    assert (shown.pop("provider_name"), shown.pop("instance_type")) == (None, None)
    assert shown == {name: value for name, value in asdict(log).items() if name in shown}
    assert asdict(log).keys() - shown.keys() == {"organization_id", "api_key_id"}


async def test_other_organizations_see_nothing(adapters: Any) -> None:
    machine = a_number()
    ours = an_action(owner=ACME, instance_id=machine)
    await given(adapters.unit_of_work(), ours, an_action(owner=OTHER, instance_id=machine))
    assert [row.id for row in await listed(adapters)] == [ours.id]
    [row] = await listed(adapters, ActionLogFilter(instance_id=machine))
    assert row.id == ours.id


def some_actions() -> tuple[ActionLog, ActionLog]:
    """Return one action, and one that differs in all one can filter by."""
    one = an_action(CREATE)
    other = replace(an_action(TERMINATE), component=Component.ORCHESTRATOR).succeed(at=NOON)
    return one, other


@pytest.mark.parametrize("field", ["instance_id", "component", "status", "action_type"])
async def test_the_list_can_be_narrowed_down(adapters: Any, field: str) -> None:
    one, other = some_actions()
    await given(adapters.unit_of_work(), one, other)
    for log in (one, other):
        rows = await listed(adapters, ActionLogFilter(**{field: getattr(log, field)}))
        assert [row.id for row in rows] == [log.id]


async def test_filters_hold_together(adapters: Any) -> None:
    one, other = some_actions()
    await given(adapters.unit_of_work(), one, other)
    both = ActionLogFilter(instance_id=one.instance_id, status=one.status)
    crossed = ActionLogFilter(instance_id=one.instance_id, status=other.status)
    assert [row.id for row in await listed(adapters, both)] == [one.id]
    assert not await listed(adapters, crossed)
    assert not await listed(adapters, ActionLogFilter(status="no such status"))


def an_act(
    *, owner: OrganizationId | None = ACME, at: datetime = NOON, error_code: str | None = None
) -> Act:
    return Act(
        id=a_number(),
        kind=ActKind.LOGIN,
        actor=replace(an_actor(), name="alice", source_ip="192.0.2.1"),
        organization_id=owner,
        subject=Subject(kind="user", id=ALICE, name="alice"),
        at=at,
        before={"role": "user"},
        after={"role": "admin"},
        facts={"member_user_id": ALICE},
        error_code=error_code,
    )


async def enter(adapters: Any, *acts: Act) -> None:
    async with adapters.unit_of_work()() as work:
        for act in acts:
            await work.acts.add(act)


@pytest.mark.parametrize(("error_code", "status"), [(None, "success"), ("wrong", "failed")])
async def test_an_act_is_an_action_that_has_ended(
    adapters: Any, error_code: str | None, status: str
) -> None:
    act = an_act(error_code=error_code)
    await enter(adapters, act)
    assert await listed(adapters) == [
        ActionLogRow(
            id=act.id,
            action_type="LOGIN",
            component="api",
            status=status,
            error_code=error_code,
            error_message=None,
            instance_id=None,
            user_id=ALICE,
            actor_name="alice",
            source_ip="192.0.2.1",
            duration_ms=0,
            created_at=NOON,
            completed_at=NOON,
            metadata={
                "member_user_id": str(ALICE),
                "subject": {"type": "user", "id": str(ALICE), "name": "alice"},
                "before": {"role": "user"},
                "after": {"role": "admin"},
            },
            instance_status_before=None,
            instance_status_after=None,
            provider_name=None,
            instance_type=None,
        )
    ]


async def test_acts_and_actions_are_one_list(adapters: Any) -> None:
    acts = [an_act(at=NOON), an_act(at=NOON + 2 * SECOND)]
    log = an_action(at=NOON + SECOND)
    await given(adapters.unit_of_work(), log)
    await enter(adapters, *acts)
    assert [row.id for row in await listed(adapters)] == [acts[1].id, log.id, acts[0].id]
    narrow = ActionLogFilter(action_type="LOGIN", status="success")
    assert [row.id for row in await listed(adapters, narrow)] == [acts[1].id, acts[0].id]


async def test_the_platform_has_books_of_its_own(adapters: Any) -> None:
    ours, platforms = an_act(), an_act(owner=None)
    await enter(adapters, ours, platforms, an_act(owner=OTHER))
    assert [row.id for row in await listed(adapters)] == [ours.id]
    for where, rows in ((ActionLogFilter(), 1), (ActionLogFilter(status="failed"), 0)):
        found = await adapters.action_log_queries().list(None, where, limit=10)
        assert [row.id for row in found] == [platforms.id][:rows]


@pytest.mark.parametrize(
    "change", ["DELETE FROM action_logs", "UPDATE action_logs SET status = 'failed'"]
)
async def test_the_books_cannot_be_rewritten_even_by_hand(
    postgres: PostgresAdapters, change: LiteralString
) -> None:
    await enter(postgres, an_act())
    await given(postgres.unit_of_work(), an_action().succeed(at=NOON))
    async with postgres.pool().connection() as connection:
        with pytest.raises(RaiseException, match="append-only"):
            await connection.execute(change)
    assert len(await listed(postgres)) == 2
