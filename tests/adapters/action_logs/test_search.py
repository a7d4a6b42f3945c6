"""Looking through what was done: what the port promises, kept by every adapter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.action_logs.entities import ActionLog, ActionType, Component
from inventiv_core.action_logs.use_cases import ExportActionLogs, SearchActionLogs
from inventiv_core.action_logs.views import (
    ActionLogFilter,
    ActionLogPage,
    ActionLogRow,
    action_log_keys,
)
from inventiv_core.identity.access import Role
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.kernel.pagination import PageRequest
from tests.builders import (
    NOON,
    OTHER,
    Market,
    an_action,
    an_actor,
    given,
    given_teams,
)

SECOND = timedelta(seconds=1)
EVERYTHING = ActionLogFilter()


async def search(
    adapters: Any,
    where: ActionLogFilter = EVERYTHING,
    *,
    counted: bool = True,
    with_stats: bool = False,
    **page: Any,
) -> ActionLogPage:
    find = SearchActionLogs(action_log_queries=adapters.action_log_queries())
    request = PageRequest.of(**page)
    return await find(where, request, counted=counted, with_stats=with_stats, actor=an_actor())


async def walk(adapters: Any, **page: Any) -> list[ActionLogRow]:
    """Return all rows, from cursor to cursor."""
    rows: list[ActionLogRow] = []
    cursor = None
    while True:
        found = (await search(adapters, cursor=cursor, **page)).page
        assert found.offset == len(rows)
        rows += found.rows
        cursor = found.next_cursor
        if cursor is None:
            return rows


async def done(adapters: Any) -> Sequence[ActionLog]:
    """Store actions in which everything that can be sorted by differs, and is the same."""
    market, other = Market(), Market("cloud-2", model_id="acme/other")
    machine, second = market.instance(), other.instance()
    logs = [
        an_action(instance_id=machine.id),
        an_action(instance_id=machine.id, at=NOON + SECOND).succeed(at=NOON + 3 * SECOND),
        an_action(ActionType.REQUEST_TERMINATE, instance_id=second.id).succeed(at=NOON + SECOND),
        an_action(ActionType.REQUEST_TERMINATE, instance_id=second.id).fail(
            code="E", message="why", at=NOON
        ),
        replace(an_action(), component=Component.ORCHESTRATOR),
    ]
    things = (*market.everything, *other.everything, machine, second, *logs)
    await given_teams(adapters.unit_of_work(), *things, an_action(owner=OTHER))
    return logs


@pytest.mark.parametrize("order_dir", ["asc", "desc"])
@pytest.mark.parametrize("order_by", [key.name for key in action_log_keys(descending=False)])
async def test_pages_come_in_order_and_add_up_to_the_list(
    adapters: Any, order_by: str, order_dir: str
) -> None:
    logs = await done(adapters)
    rows = await walk(adapters, order_by=order_by, order_dir=order_dir, limit=2)
    assert {row.id for row in rows} == {log.id for log in logs}
    assert len(rows) == len(logs)
    descending = order_dir == "desc"
    [key] = [key for key in action_log_keys(descending=descending) if key.name == order_by]
    places = [(key.of(row), row.id) for row in rows]
    assert places == sorted(places, reverse=descending)
    again = await search(adapters, order_by=order_by, order_dir=order_dir)
    assert list(again.page.rows) == rows


@pytest.mark.parametrize("order_dir", ["asc", "desc"])
@pytest.mark.parametrize(
    ("order_by", "unknown"),
    [("duration_ms", 2), ("provider_name", 1), ("instance_type", 1)],
)
async def test_what_is_unknown_is_last_in_either_direction(
    adapters: Any, order_by: str, unknown: int, order_dir: str
) -> None:
    await done(adapters)
    rows = await walk(adapters, order_by=order_by, order_dir=order_dir, limit=1)
    known = [getattr(row, order_by) is None for row in rows]
    assert known == [False] * (5 - unknown) + [True] * unknown


async def test_a_row_names_what_the_instance_is_rented_from_and_as(adapters: Any) -> None:
    logs = await done(adapters)
    rows = {row.id: row for row in (await search(adapters)).page.rows}
    first, last = rows[logs[0].id], rows[logs[4].id]
    assert (first.provider_name, first.instance_type) == ("Mock", "mock-local-instance")
    assert (last.provider_name, last.instance_type) == (None, None)


async def test_actions_are_counted_by_status_if_that_is_asked(adapters: Any) -> None:
    logs = await done(adapters)
    found = await search(adapters, with_stats=True, limit=1)
    assert found.status_counts == {"success": 2, "failed": 1, "in_progress": 2}
    assert (found.page.total_count, found.page.filtered_count) == (5, 5)
    found = await search(adapters, ActionLogFilter(status="failed"), with_stats=True)
    assert found.status_counts == {"success": 0, "failed": 1, "in_progress": 0}
    assert (found.page.total_count, found.page.filtered_count) == (5, 1)
    found = await search(adapters, ActionLogFilter(instance_id=logs[0].instance_id))
    assert found.status_counts is None
    assert (found.page.total_count, found.page.filtered_count) == (2, 2)
    found = await search(adapters, with_stats=True, counted=False)
    assert (found.page.total_count, found.page.filtered_count) == (None, None)
    assert found.status_counts is not None


async def test_all_that_was_done_can_be_read_batch_by_batch(adapters: Any) -> None:
    logs = [an_action(at=NOON + number * SECOND) for number in range(1003)]
    await given(adapters.unit_of_work(), *logs, an_action(owner=OTHER))
    export = ExportActionLogs(action_log_queries=adapters.action_log_queries())
    batches = [batch async for batch in await export(EVERYTHING, actor=an_actor())]
    assert [len(batch) for batch in batches] == [1000, 3]
    assert [row.id for batch in batches for row in batch] == [log.id for log in reversed(logs)]


async def test_who_may_not_look_at_actions_cannot_export_them(adapters: Any) -> None:
    export = ExportActionLogs(action_log_queries=adapters.action_log_queries())
    find = SearchActionLogs(action_log_queries=adapters.action_log_queries())
    for actor, refusal in (
        (an_actor(Role.USER), PermissionMissing),
        (an_actor(None), NoCurrentOrganization),
    ):
        with pytest.raises(refusal):
            await export(EVERYTHING, actor=actor)
        with pytest.raises(refusal):
            await find(EVERYTHING, PageRequest.of(), counted=True, with_stats=True, actor=actor)
