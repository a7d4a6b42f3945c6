"""What the ports of the workbench promise, kept by every adapter."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.kernel.pagination import PageRequest, search_page
from inventiv_core.workbench.entities import (
    Access,
    MessageRole,
    Mode,
    Project,
    Reader,
    Retention,
    Run,
    RunStatus,
)
from inventiv_core.workbench.errors import ProjectNotAllowed
from inventiv_core.workbench.use_cases.messages import AppendMessage, NewMessage
from inventiv_core.workbench.views import RUN_KEYS, LiveModel, Place, RunFilter, Scope
from inventiv_core.workers.entities import WorkerStatus
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    Market,
    a_membership,
    a_message,
    a_number,
    a_project,
    a_run,
    a_user,
    a_worker,
    an_actor,
    given,
    given_teams,
)

BOB = UserId(a_number())
KEY = ApiKeyId(a_number())
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

ME = Reader(user_id=ALICE, organizations=frozenset({ACME}))
HIM = Reader(user_id=BOB, organizations=frozenset({ACME, OTHER}))
PROGRAM = replace(ME, api_key_id=KEY)
TEAM, ALONE = Scope(organization_id=ACME), Scope(organization_id=None)
ALL = Scope(organization_id=None, everywhere=True)


@pytest.fixture
async def people(adapters: Any) -> None:
    bob = a_user(id=BOB, username="bob")
    await given_teams(adapters.unit_of_work(), bob, a_membership(user=BOB))


def full_run(project: Project) -> Run:
    return a_run(
        project_id=project.id,
        created_via_api_key_id=KEY,
        title="É",
        mode=Mode.BATCH,
        status=RunStatus.FAILED,
        ttft_ms=2**40,
        duration_ms=0,
        error_message="x",
        input_tokens=10**12,
        output_tokens=0,
        cached_input_tokens=3,
        cost_eur=Decimal("0.000000000001"),
        message_count=9,
        org_access=Access.WRITE,
        updated_at=NOON + MINUTE,
        completed_at=NOON,
    )


@pytest.mark.usefixtures("people")
async def test_what_was_added_comes_back_equal(adapters: Any) -> None:
    project, plain = a_project(org_access=Access.READ), a_run()
    run = full_run(project)
    await given(adapters.unit_of_work(), project, run, plain)
    async with adapters.unit_of_work()() as work:
        assert await work.projects.lock(project.id, reader=ME) == project
        assert await work.runs.lock(run.id, reader=ME) == run
        assert await work.runs.lock(plain.id, reader=ME) == plain
        assert await work.runs.metadata(run.id) == {}
        await work.runs.put_metadata(run.id, {"a": [1, None, "é"]})
        changed = replace(
            plain, title="x", cost_eur=Decimal(7), completed_at=NOON, message_count=1,
            updated_at=NOON + MINUTE, project_id=project.id, status=RunStatus.SUCCESS,
        )  # fmt: skip
        await work.runs.save(changed)
        await work.projects.save(replace(project, name="y", org_access=None))
    async with adapters.unit_of_work()() as work:
        assert await work.runs.metadata(run.id) == {"a": [1, None, "é"]}
        assert await work.runs.lock(run.id, reader=ME) == run
        assert await work.runs.lock(plain.id, reader=ME) == changed
        assert await work.projects.lock(project.id, reader=ME) == replace(
            project, name="y", org_access=None
        )


@pytest.mark.parametrize(
    ("facts", "seen_by"),
    [
        ({}, {"me"}),
        ({"organization": None}, {"me", "me elsewhere"}),
        ({"created_via_api_key_id": KEY}, {"me", "program"}),
        ({"org_access": Access.READ}, {"me", "him"}),
        ({"org_access": Access.WRITE}, {"me", "him"}),
        ({"organization": OTHER}, set()),
        ({"organization": OTHER, "org_access": Access.READ}, {"him"}),
        ({"deleted_at": NOON, "org_access": Access.READ, "created_via_api_key_id": KEY}, set()),
    ],
)
@pytest.mark.usefixtures("people")
async def test_a_run_is_seen_by_whom_it_is_for(
    adapters: Any, facts: dict[str, Any], seen_by: set[str]
) -> None:
    run = a_run(**facts)
    await given(adapters.unit_of_work(), run)
    readers = {
        "me": ME, "him": HIM, "program": PROGRAM,
        "me elsewhere": replace(ME, organizations=frozenset()),
        "another program": replace(ME, api_key_id=ApiKeyId(a_number())),
    }  # fmt: skip
    queries = adapters.run_queries()
    found = {
        name for name, reader in readers.items() if await queries.find(run.id, reader=reader) == run
    }
    listed = {
        name
        for name, reader in readers.items()
        if await queries.list(reader, ALL, limit=9) == [run]
    }
    locked = set()
    async with adapters.unit_of_work()() as work:
        for name, reader in readers.items():
            if await work.runs.lock(run.id, reader=reader) is not None:
                locked.add(name)
    assert found == listed == locked == seen_by


@pytest.mark.parametrize(
    ("facts", "seen_by"),
    [
        ({}, {"me"}),
        ({"organization": None}, {"me"}),
        ({"org_access": Access.READ}, {"me", "him"}),
        ({"organization": OTHER, "org_access": Access.READ}, {"him"}),
        ({"deleted_at": NOON}, set()),
    ],
)
@pytest.mark.usefixtures("people")
async def test_a_project_is_seen_by_whom_it_is_for(
    adapters: Any, facts: dict[str, Any], seen_by: set[str]
) -> None:
    project = a_project(**facts)
    await given(adapters.unit_of_work(), project)
    readers = {"me": ME, "him": HIM, "program": PROGRAM}
    queries = adapters.project_queries()
    listed = {name for name, who in readers.items() if await queries.list(who, ALL, limit=9)}
    async with adapters.unit_of_work()() as work:
        locked = {
            name
            for name, reader in readers.items()
            if await work.projects.lock(project.id, reader=reader) == project
        }
    assert listed == locked == seen_by


@pytest.mark.usefixtures("people")
async def test_lists_are_of_a_workspace_newest_first_and_as_long_as_they_may_be(
    adapters: Any,
) -> None:
    runs = [a_run(at=NOON + number * MINUTE) for number in range(3)]
    private, tool = a_run(organization=None), a_run(organization=None, created_via_api_key_id=KEY)
    await given(adapters.unit_of_work(), *runs, private, tool)
    listed = adapters.run_queries().list
    assert await listed(ME, TEAM, limit=2) == [runs[2], runs[1]]
    assert await listed(ME, ALONE, limit=9) == [tool, private]
    assert len(await listed(ME, ALL, limit=9)) == 5
    assert await listed(PROGRAM, TEAM, limit=9) == [tool]  # in whatever workspace


@pytest.mark.usefixtures("people")
async def test_projects_are_listed_personal_ones_first_by_name_newest_first(adapters: Any) -> None:
    projects = [
        a_project(name="b", organization=None),
        a_project(name="B"),
        a_project(name="a", created_at=NOON + MINUTE),
        a_project(name="a"),
    ]
    await given(adapters.unit_of_work(), *projects[::2], *projects[1::2])
    listed = adapters.project_queries().list
    assert await listed(ME, ALL, limit=9) == projects
    assert await listed(ME, ALL, limit=2) == projects[:2]
    assert await listed(ME, TEAM, limit=9) == projects[1:]


def some_runs() -> list[Run]:
    return [
        a_run(title="Alpha", model_id="m/a", duration_ms=3, at=NOON),
        a_run(title="Beta", model_id="m/b", duration_ms=1, status=RunStatus.FAILED, at=NOON),
        a_run(model_id="m/a", cost_eur=Decimal(1), org_access=Access.READ, at=NOON + MINUTE),
        a_run(title="50%", mode=Mode.BATCH, cost_eur=Decimal("0.5"), duration_ms=2, at=NOON),
    ]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, {0, 1, 2, 3}), ({"needle": "ALPHA"}, {0, 2}), ({"needle": "%"}, {3}),
        ({"needle": "_"}, set()), ({"needle": "nothing of this"}, set()),
        ({"model_id": "m/a"}, {0, 2}), ({"model_id": "m"}, set()),
        ({"status": RunStatus.FAILED}, {1}), ({"mode": Mode.BATCH}, {3}),
        ({"is_shared": True}, {2}), ({"is_shared": False}, {0, 1, 3}),
        ({"needle": "alpha", "is_shared": False}, {0}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", [key.name for key in RUN_KEYS])
@pytest.mark.usefixtures("people")
async def test_runs_are_found_by_what_was_said_and_how_they_stand(
    adapters: Any, where: dict[str, Any], found: set[int], order: str
) -> None:
    runs = some_runs()
    said = a_message(runs[2], content="Say alpha again")
    await given(adapters.unit_of_work(), *runs, said, a_message(runs[3], index=0, content="x"))
    find = partial(adapters.run_queries().search, ME, TEAM, RunFilter(**where))
    seen: list[Run] = []
    cursor = None
    while True:
        page = PageRequest.of(order_by=order, order_dir="desc", limit=1, cursor=cursor)
        answer = await search_page(find, page, RUN_KEYS)
        assert (answer.total_count, answer.filtered_count) == (4, len(found))
        seen += answer.rows
        cursor = answer.next_cursor
        if cursor is None:
            break
    key = next(key for key in RUN_KEYS if key.name == order)
    expected = [runs[number] for number in found]
    expected.sort(key=lambda run: (key.of(run), run.id), reverse=True)
    assert seen == expected


@pytest.mark.usefixtures("people")
async def test_a_search_can_be_of_one_project(adapters: Any) -> None:
    project = a_project()
    run, other = a_run(project_id=project.id), a_run()
    await given(adapters.unit_of_work(), project, run, other)
    find = partial(adapters.run_queries().search, ME, TEAM, RunFilter(project_id=project.id))
    assert (await search_page(find, PageRequest(), RUN_KEYS)).rows == [run]


@pytest.mark.usefixtures("people")
async def test_runs_leave_a_project_but_for_those_of_one_user(adapters: Any) -> None:
    project = a_project()
    mine, his = a_run(project_id=project.id), a_run(project_id=project.id, by=BOB)
    await given(adapters.unit_of_work(), project, mine, his)
    async with adapters.unit_of_work()() as work:
        await work.projects.release_runs(project.id, but_of=ALICE)
        assert await work.runs.lock(mine.id, reader=ME) == mine
        assert await work.runs.lock(his.id, reader=HIM) == replace(his, project_id=None)
        await work.projects.release_runs(project.id, but_of=None)
        assert await work.runs.lock(mine.id, reader=ME) == replace(mine, project_id=None)


@pytest.mark.usefixtures("people")
async def test_messages_come_in_order_and_are_known_by_how_they_were_sent(adapters: Any) -> None:
    run, other = a_run(), a_run()
    messages = [
        a_message(run, 3, "c", output_tokens=7),
        a_message(run, 0, "a", role=MessageRole.SYSTEM),
        a_message(run, 5, "b", sent_index=3),
    ]
    await given(adapters.unit_of_work(), run, other, *messages, a_message(other, 9))
    async with adapters.unit_of_work()() as work:
        find = partial(work.runs.find_sent, run.id, role=MessageRole.USER)
        assert await find(sent_index=3, content="c") == messages[0]
        assert await find(sent_index=3, content="b") == messages[2]
        assert await find(sent_index=5, content="b") is None
        assert await find(sent_index=0, content="a") is None
        assert await work.runs.place(run.id, 3) == Place(is_taken=True, last_index=5)
        assert await work.runs.place(run.id, 4) == Place(is_taken=False, last_index=5)
        nothing = Place(is_taken=False, last_index=-1)
        assert await work.runs.place(a_run().id, 0) == nothing
    read = adapters.run_queries().messages
    assert await read(run.id, limit=9) == [messages[1], messages[0], messages[2]]
    assert await read(run.id, limit=1) == [messages[1]]


@pytest.mark.usefixtures("people")
async def test_what_somebody_said_goes_with_them(adapters: Any) -> None:
    project, theirs = a_project(org_access=Access.READ), a_run(by=BOB)
    run = a_run()
    inside = replace(theirs, project_id=project.id)
    await given(adapters.unit_of_work(), project, run, a_message(run), inside)
    async with adapters.unit_of_work()() as work:
        await work.users.remove(ALICE)
    async with adapters.unit_of_work()() as work:
        assert await work.projects.lock(project.id, reader=ME) is None
        assert await work.runs.lock(run.id, reader=ME) is None
        assert await work.runs.lock(theirs.id, reader=HIM) == theirs
    assert await adapters.run_queries().messages(run.id, limit=9) == []


@pytest.mark.usefixtures("people")
async def test_a_choice_is_kept_until_there_is_another(adapters: Any) -> None:
    find = adapters.retention_queries().find
    assert await find(ACME) == Retention()
    for chosen in (Retention(delete_after_days=1, keeps_content=False), Retention()):
        async with adapters.unit_of_work()() as work:
            await work.retention.lock(ACME)
            await work.retention.put(ACME, chosen)
            assert await work.retention.find(ACME) == chosen
        assert (await find(ACME), await find(OTHER)) == (chosen, Retention())


async def choose(adapters: Any, owner: OrganizationId, chosen: Retention) -> None:
    async with adapters.unit_of_work()() as work:
        await work.retention.put(owner, chosen)


@pytest.mark.usefixtures("people")
async def test_what_is_too_old_goes_a_few_at_a_time(adapters: Any) -> None:
    await choose(adapters, ACME, Retention(delete_after_days=2))
    old = [a_run(at=NOON - 3 * DAY) for _ in range(3)]
    young, private = a_run(at=NOON - 2 * DAY), a_run(at=NOON - 9 * DAY, organization=None)
    foreign = a_run(at=NOON - 9 * DAY, organization=OTHER, by=BOB)
    await given(adapters.unit_of_work(), *old, young, private, foreign, a_message(old[0]))
    async with adapters.unit_of_work()() as work:
        delete = work.retention.delete_expired
        assert [await delete(at=NOON, limit=2) for _ in range(3)] == [2, 1, 0]
    queries = adapters.run_queries()
    assert {run.id for run in await queries.list(ME, ALL, limit=9)} == {young.id, private.id}
    assert await queries.find(foreign.id, reader=HIM) == foreign
    assert await queries.messages(old[0].id, limit=9) == []


@pytest.mark.usefixtures("people")
async def test_what_is_not_to_be_kept_is_erased_a_few_at_a_time(adapters: Any) -> None:
    await choose(adapters, ACME, Retention(keeps_content=False))
    run, private = a_run(error_message="x"), a_run(organization=None, error_message="x")
    messages = [a_message(run, number) for number in range(3)]
    await given(adapters.unit_of_work(), run, private, *messages, a_message(private))
    async with adapters.unit_of_work()() as work:
        await work.runs.put_metadata(run.id, {"a": 1})
        assert [await work.retention.erase_content(limit=2) for _ in range(3)] == [2, 1, 0]
        assert await work.runs.metadata(run.id) == {}
        assert await work.runs.lock(run.id, reader=ME) == replace(run, error_message=None)
        assert await work.runs.lock(private.id, reader=ME) == private
    read = adapters.run_queries().messages
    assert await read(run.id, limit=9) == [replace(each, content="") for each in messages]
    assert [each.content for each in await read(private.id, limit=9)] == ["Hello"]


@pytest.mark.usefixtures("people")
async def test_what_was_taken_away_long_ago_is_gone(adapters: Any) -> None:
    gone, recent = a_run(deleted_at=NOON - DAY), a_run(deleted_at=NOON)
    project = a_project(deleted_at=NOON - DAY)
    run, orphan = a_run(project_id=project.id), a_run(organization=OTHER)
    await given(adapters.unit_of_work(), project, gone, recent, run, orphan, a_message(gone))
    async with adapters.unit_of_work()() as work:
        other = await work.organizations.lock_alone(OTHER)
        await work.organizations.save(replace(other, deleted_at=NOON - DAY))
    async with adapters.unit_of_work()() as work:
        purge = work.retention.purge
        assert await purge(deleted_before=NOON - DAY, limit=9) == 0
        assert await purge(deleted_before=NOON, limit=9) == 3
        assert await purge(deleted_before=NOON, limit=9) == 0
        assert await purge(deleted_before=NOON + DAY, limit=9) == 1
        assert await work.runs.lock(run.id, reader=ME) == replace(run, project_id=None)
    assert await adapters.run_queries().messages(gone.id, limit=9) == []


async def test_whose_machines_answer_is_known(adapters: Any) -> None:
    market = Market(model_id="vendor/chat-8b")
    ready: dict[str, Any] = {"status": InstanceStatus.READY, "ip_address": "192.0.2.1"}
    good = [market.instance(**ready) for _ in range(2)]
    bad = [
        market.instance(**ready | {"status": InstanceStatus.TERMINATING}),
        market.instance(**ready | {"ip_address": None}),
        market.instance(owner=OTHER, **ready),
        market.instance(owner=OTHER, **ready),
    ]
    workers = [a_worker(instance) for instance in (*good, *bad[:2])]
    late = a_worker(bad[2], at=NOON - MINUTE)
    busy = a_worker(bad[3], status=WorkerStatus.STARTING)
    await given_teams(
        adapters.unit_of_work(), *market.everything, *good, *bad, *workers, late, busy
    )
    live = adapters.live_model_queries().live
    mine = LiveModel(organization_id=ACME, model_id="vendor/chat-8b")
    assert await live([ACME, OTHER], heard_since=NOON) == [mine]
    assert await live([OTHER], heard_since=NOON) == []
    assert await live([OTHER], heard_since=NOON - MINUTE) == [replace(mine, organization_id=OTHER)]
    assert await live([], heard_since=NOON) == []


@pytest.mark.usefixtures("people")
async def test_of_many_who_write_at_once_every_message_is_kept_once(adapters: Any) -> None:
    run = a_run(org_access=Access.WRITE)
    await given(adapters.unit_of_work(), run)
    append: AppendMessage = Application(adapters=adapters).append_message()
    bob = replace(an_actor(), user_id=BOB)

    async def write(who: Any, content: str) -> None:
        for _ in range(2):  # what is sent again comes once
            await append(
                run.id, NewMessage(message_index=1, role="user", content=content), actor=who
            )

    writers = [(who, f"{number}") for number, who in enumerate([an_actor(), bob] * 5)]
    await asyncio.gather(*(write(who, content) for who, content in writers))
    messages = await adapters.run_queries().messages(run.id, limit=99)
    assert [each.message_index for each in messages] == list(range(1, 11))
    assert {each.content for each in messages} == {content for _, content in writers}
    kept = await adapters.run_queries().find(run.id, reader=ME)
    assert kept.message_count == 10


@asynccontextmanager
async def counting(postgres: PostgresAdapters) -> AsyncGenerator[list[str]]:
    """Yield the statements that are sent while this is entered."""
    sent: list[str] = []
    pool = postgres.pool()
    connections = [await pool.getconn() for _ in range(pool.max_size)]
    cursors = {type(connection.cursor()) for connection in connections}
    for connection in connections:
        await pool.putconn(connection)
    kind: Any
    [kind] = cursors
    execute = kind.execute

    async def counted(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        if query:  # the pool asks nothing, to see whether anybody is there
            sent.append(str(query))
        return await execute(self, query, *args, **options)

    kind.execute = counted
    try:
        yield sent
    finally:
        kind.execute = execute


MANY = """
    WITH made AS (
        INSERT INTO workbench_runs
            (id, organization_id, created_by_user_id, title, model_id, mode, status,
             message_count, metadata, created_at, started_at, updated_at)
        SELECT gen_random_uuid(), %(organization)s, %(user)s, 'Run ' || n, 'm/' || n %% 7, 'chat',
               'success', 100, '{}', now() - n * interval '1 minute', now(), now()
        FROM generate_series(1, 1000) n
        RETURNING id
    )
    INSERT INTO workbench_messages
        (id, run_id, message_index, sent_index, role, content, created_at)
    SELECT gen_random_uuid(), id, n, n, 'user', repeat('some words about it ', 10) || n, now()
    FROM made, generate_series(1, 100) n
"""


async def test_a_thousand_runs_with_a_hundred_messages_are_found_in_as_many_statements_as_one(
    postgres: PostgresAdapters,
) -> None:
    await given_teams(postgres.unit_of_work())
    async with postgres.pool().connection() as connection:
        await connection.execute(MANY, {"organization": ACME, "user": ALICE})
        await connection.execute("ANALYZE workbench_runs, workbench_messages")
    queries = postgres.run_queries()
    async with counting(postgres) as sent:
        assert len(await queries.list(ME, TEAM, limit=1000)) == 1000
        assert len(sent) == 1
        sent.clear()
        for words, found in (("about it 100", 1000), ("Run 77", 11), ("nowhere", 0)):
            find = partial(queries.search, ME, TEAM, RunFilter(needle=words))
            page = await search_page(find, PageRequest(limit=50), RUN_KEYS)
            assert page.filtered_count == found
            assert len(sent) == 2
            sent.clear()
        run_id: UUID = (await queries.list(ME, TEAM, limit=1))[0].id
        sent.clear()
        assert len(await queries.messages(run_id, limit=10_000)) == 100  # type: ignore[arg-type]
        assert len(sent) == 1


@pytest.mark.usefixtures("people")
async def test_whoever_moves_runs_and_whoever_takes_projects_away_do_not_wait_in_a_circle(
    adapters: Any,
) -> None:
    application, me = Application(adapters=adapters), an_actor()
    projects, runs = [a_project() for _ in range(4)], [a_run() for _ in range(4)]
    await given(adapters.unit_of_work(), *projects, *runs)

    async def move(run: Run, project: Project) -> None:
        with suppress(ProjectNotAllowed):
            await application.update_run()(run.id, {"project_id": project.id}, actor=me)

    moves = [move(run, project) for run in runs for project in projects]
    ends = [application.delete_project()(project.id, actor=me) for project in projects]
    await asyncio.gather(*moves[:8], *ends[:2], *moves[8:], *ends[2:])
    for run in await adapters.run_queries().list(ME, TEAM, limit=9):
        assert run.project_id is None
