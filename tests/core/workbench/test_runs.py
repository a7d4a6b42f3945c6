"""Runs and messages, as the domain sees them: no database, no network, no waiting."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from inventiv_core.identity.access import ApiKeyId
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.pagination import PageRequest
from inventiv_core.models.entities import Visibility
from inventiv_core.workbench.entities import (
    LONGEST_CONTENT,
    Access,
    Message,
    MessageRole,
    Mode,
    ProjectId,
    Run,
    RunId,
    RunMetadata,
    RunStatus,
    WorkbenchActKind,
    metadata_of,
    title_of,
)
from inventiv_core.workbench.errors import (
    ApiKeyNotAllowed,
    ContentRequired,
    ContentTooLong,
    InvalidMessageIndex,
    InvalidStatus,
    ModelIdRequired,
    ModelIdTooLong,
    OwnerRequired,
    ProjectNotAllowed,
    RoleOfMessageInvalid,
    RunInvalid,
    RunIsFull,
    RunIsReadOnly,
    RunNotFound,
    UserRequired,
)
from inventiv_core.workbench.use_cases.messages import NewMessage
from inventiv_core.workbench.use_cases.runs import Completion, NewRun
from inventiv_core.workbench.views import RunFilter
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_key,
    a_model,
    a_number,
    a_price,
    a_project,
    a_run,
    an_offering,
    given,
)
from tests.core.workbench.bench import BOB, EVE, KEY, Bench, actor

NEW = NewRun(model_id="vendor/chat-8b")


def say(index: int, content: str, role: str = "user", **tokens: Any) -> NewMessage:
    return NewMessage(message_index=index, role=role, content=content, **tokens)


async def said(bench: Bench, run: Run, who: Any = None) -> list[tuple[int, str]]:
    transcript = await bench.get(run.id, actor=who or actor())
    return [(message.message_index, message.content) for message in transcript.messages]


async def test_a_run_is_its_maker_s_in_the_workspace(bench: Bench) -> None:
    run = await bench.create(replace(NEW, title="  Été \n 2026 ", mode="batch"), actor=actor())
    assert (run.organization_id, run.created_by_user_id, run.title) == (ACME, ALICE, "Été 2026")
    assert (run.mode, run.status, run.org_access) == (Mode.BATCH, RunStatus.IN_PROGRESS, None)
    assert (await bench.get(run.id, actor=actor())).run == run
    for stranger in (actor(BOB), actor(EVE, OTHER), actor(EVE, None)):
        with pytest.raises(RunNotFound):
            await bench.get(run.id, actor=stranger)
    act = bench.acts[-1]
    assert (act.kind, act.subject.name) == (WorkbenchActKind.RUN_CREATED, "vendor/chat-8b")
    assert "Été" not in str(act)  # what people talk about is in no book


async def test_lists_are_of_one_workspace_or_of_all(bench: Bench) -> None:
    team, alone = actor(), actor(organization=None)
    in_team = await bench.create(NEW, actor=team)
    in_private = await bench.create(NEW, actor=alone)
    assert await bench.list(limit=9, actor=team) == [in_team]
    assert await bench.list(limit=9, actor=alone) == [in_private]
    both = await bench.list(limit=9, everywhere=True, actor=alone)
    assert {run.id for run in both} == {in_team.id, in_private.id}
    assert len(await bench.list(limit=-1, everywhere=True, actor=alone)) == 1
    page = await bench.search(RunFilter(), PageRequest(), everywhere=True, actor=team)
    assert page.filtered_count == 2


async def test_one_s_own_run_is_gone_on_with_from_another_workspace(bench: Bench) -> None:
    run = await bench.create(NEW, actor=actor())
    await bench.append(run.id, say(1, "Hello"), actor=actor(organization=None))
    assert await said(bench, run) == [(1, "Hello")]
    async with bench.unit_of_work() as work:
        await work.organizations.remove_member(ACME, ALICE)
    with pytest.raises(RunNotFound):
        await bench.get(run.id, actor=actor(organization=None))


async def test_who_may_read_may_not_write(bench: Bench) -> None:
    run = await bench.create(replace(NEW, org_access=Access.READ), actor=actor())
    bob = actor(BOB)
    assert [each.id for each in await bench.list(limit=9, actor=bob)] == [run.id]
    assert (await bench.get(run.id, actor=bob)).run.id == run.id
    for attempt in (
        bench.append(run.id, say(1, "Mine"), actor=bob),
        bench.complete(run.id, Completion(status="failed"), actor=bob),
        bench.update(run.id, {"title": "Mine"}, actor=bob),
        bench.update(run.id, {"is_shared": False}, actor=bob),
    ):
        with pytest.raises(RunIsReadOnly):
            await attempt
    with pytest.raises(OwnerRequired):
        await bench.delete(run.id, actor=bob)
    assert (await bench.get(run.id, actor=actor())).run == run


async def test_who_may_write_may_not_take_it_away(bench: Bench) -> None:
    run = await bench.create(replace(NEW, org_access=Access.WRITE), actor=actor())
    bob = actor(BOB)
    await bench.append(run.id, say(1, "Together"), actor=bob)
    await bench.complete(run.id, Completion(status="success"), actor=bob)
    assert (await bench.update(run.id, {"title": "Ours"}, actor=bob)).title == "Ours"
    mine = a_project(owner=BOB)
    await given(bench.unit_of_work, mine)
    changes: list[dict[str, Any]] = [
        {"is_shared": False}, {"org_access": Access.READ}, {"project_id": mine.id},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(OwnerRequired):
            await bench.update(run.id, change, actor=bob)
    with pytest.raises(OwnerRequired):
        await bench.delete(run.id, actor=bob)


async def test_absent_keeps_and_null_clears(bench: Bench) -> None:
    project = a_project()
    await given(bench.unit_of_work, project)
    new = replace(NEW, title="Plan", project_id=project.id, org_access=Access.WRITE)
    run = await bench.create(new, actor=actor())
    bench.clock.advance(timedelta(minutes=1))
    assert await bench.update(run.id, {}, actor=actor()) == run
    assert await bench.update(run.id, {"is_shared": True}, actor=actor()) == run
    cleared = await bench.update(run.id, {"title": None, "project_id": None}, actor=actor())
    assert (cleared.title, cleared.project_id, cleared.org_access) == (None, None, Access.WRITE)
    assert cleared.updated_at == NOON + timedelta(minutes=1)
    hidden = await bench.update(run.id, {"is_shared": False}, actor=actor())
    shown = await bench.update(run.id, {"is_shared": True}, actor=actor())
    assert (hidden.org_access, shown.org_access) == (None, Access.READ)
    assert bench.acts[-1].after == {"org_access": Access.READ}


async def test_in_the_personal_workspace_there_is_nobody_to_share_with(bench: Bench) -> None:
    alone = actor(organization=None)
    run = await bench.create(replace(NEW, org_access=Access.WRITE), actor=alone)
    assert run.org_access is None
    assert await bench.update(run.id, {"is_shared": True}, actor=alone) == run


async def test_a_run_that_was_taken_away_cannot_be_seen(bench: Bench) -> None:
    run = await bench.create(replace(NEW, org_access=Access.READ), actor=actor())
    gone = await bench.delete(run.id, actor=actor())
    assert gone.deleted_at == NOON
    assert await bench.list(limit=9, actor=actor(BOB)) == []
    for attempt in (
        bench.get(run.id, actor=actor()),
        bench.append(run.id, say(1, "x"), actor=actor()),
        bench.delete(run.id, actor=actor()),
    ):
        with pytest.raises(RunNotFound):
            await attempt


async def test_a_key_sees_what_was_made_with_it_and_changes_no_title(bench: Bench) -> None:
    program = actor(key=KEY)
    run = await bench.create(NEW, actor=program)
    other = await bench.create(replace(NEW, org_access=Access.WRITE), actor=actor())
    assert (run.created_via_api_key_id, run.created_by_user_id) == (KEY, ALICE)
    assert await bench.list(limit=9, actor=program) == [run]
    await bench.append(run.id, say(1, "Beep"), actor=program)
    await bench.complete(run.id, Completion(status="success"), actor=program)
    assert await said(bench, run) == [(1, "Beep")]
    with pytest.raises(RunNotFound):
        await bench.get(other.id, actor=program)
    for attempt in (
        bench.update(run.id, {"title": "x"}, actor=program),
        bench.delete(run.id, actor=program),
    ):
        with pytest.raises(UserRequired):
            await attempt


async def test_a_run_may_be_made_for_a_key_of_one_s_own(bench: Bench) -> None:
    mine, theirs = a_key(), a_key(user=BOB)
    await given(bench.unit_of_work, mine, theirs)
    run = await bench.create(replace(NEW, api_key_id=mine.id), actor=actor())
    assert [each.id for each in await bench.list(limit=9, actor=actor(key=mine.id))] == [run.id]
    for key, who in (
        (theirs.id, actor()),
        (ApiKeyId(a_number()), actor()),
        (mine.id, actor(key=KEY)),
    ):
        with pytest.raises(ApiKeyNotAllowed):
            await bench.create(replace(NEW, api_key_id=key), actor=who)


async def test_runs_are_put_where_one_may_put_them(bench: Bench) -> None:
    mine, hidden = a_project(), a_project(owner=BOB)
    shared, private = a_project(owner=BOB, org_access=Access.READ), a_project(organization=None)
    await given(bench.unit_of_work, mine, hidden, shared, private)
    for project in (mine, shared):
        for who in (actor(), actor(key=KEY)):
            run = await bench.create(replace(NEW, project_id=project.id), actor=who)
            assert run.project_id == project.id
    run = await bench.create(NEW, actor=actor())
    for project_id in (hidden.id, private.id, ProjectId(a_number())):
        with pytest.raises(ProjectNotAllowed):
            await bench.create(replace(NEW, project_id=project_id), actor=actor())
        with pytest.raises(ProjectNotAllowed):
            await bench.create(replace(NEW, project_id=project_id), actor=actor(key=KEY))
        with pytest.raises(ProjectNotAllowed):
            await bench.update(run.id, {"project_id": project_id}, actor=actor())


async def test_the_same_message_comes_once_and_no_message_is_lost(bench: Bench) -> None:
    """A console counts from 1, and, once it has loaded a run, from how many messages it has."""
    run = await bench.create(NEW, actor=actor())
    first = await bench.append(run.id, say(1, "Hello"), actor=actor())
    assert await bench.append(run.id, say(1, "Hello"), actor=actor()) == first
    await bench.append(run.id, say(2, "Hi!", "assistant"), actor=actor())
    again = await bench.append(run.id, say(2, "And now?"), actor=actor())
    assert await bench.append(run.id, say(2, "And now?"), actor=actor()) == again
    await bench.append(run.id, say(3, "Nothing.", "Assistant"), actor=actor())
    await bench.append(run.id, say(4, "And now?"), actor=actor())
    expected = ["Hello", "Hi!", "And now?", "Nothing.", "And now?"]
    assert await said(bench, run) == list(enumerate(expected, start=1))
    assert (await bench.get(run.id, actor=actor())).run.message_count == 5


@given_any(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(MessageRole), st.sampled_from("ab")),
        max_size=12,
    )
)
def test_whatever_is_sent_is_kept_once_at_a_place_of_its_own(
    sent: list[tuple[int, MessageRole, str]],
) -> None:
    async def run_it() -> list[Message]:
        bench = Bench()
        await bench.open()
        run = await bench.create(NEW, actor=actor())
        for index, role, content in sent:
            await bench.append(run.id, say(index, content, role), actor=actor())
        return list((await bench.get(run.id, actor=actor())).messages)

    kept = asyncio.run(run_it())
    assert {(each.sent_index, each.role, each.content) for each in kept} == set(sent)
    assert len(kept) == len(set(sent))
    places = [each.message_index for each in kept]
    assert places == sorted(set(places))


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (say(1, "x", "robot"), RoleOfMessageInvalid),
        (say(1, " \n"), ContentRequired),
        (say(1, "x" * (LONGEST_CONTENT + 1)), ContentTooLong),
        (say(-1, "x"), InvalidMessageIndex),
        (say(2**31, "x"), InvalidMessageIndex),
        (say(1, "x", input_tokens=-1), RunInvalid),
    ],
)
async def test_a_message_that_cannot_be_is_refused(
    bench: Bench, message: NewMessage, refusal: type[DomainError]
) -> None:
    run = await bench.create(NEW, actor=actor())
    with pytest.raises(refusal):
        await bench.append(run.id, message, actor=actor())
    assert await said(bench, run) == []


async def test_a_run_that_is_full_says_so(bench: Bench) -> None:
    run = a_run(message_count=10_000)
    await given(bench.unit_of_work, run)
    with pytest.raises(RunIsFull):
        await bench.append(run.id, say(1, "x"), actor=actor())


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (replace(NEW, model_id=" "), ModelIdRequired),
        (replace(NEW, model_id="é" * 257), ModelIdTooLong),
        (replace(NEW, metadata={"a": "x" * 70_000}), RunInvalid),
    ],
)
async def test_a_run_that_cannot_be_is_refused(
    bench: Bench, new: NewRun, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        await bench.create(new, actor=actor())


async def test_a_run_may_end_more_than_once_and_keeps_what_is_not_said(bench: Bench) -> None:
    run = await bench.create(replace(NEW, metadata=[1]), actor=actor())
    end = Completion(status=" Success", ttft_ms=12, duration_ms=345, metadata={"a": 1, "b": 1})
    first = await bench.complete(run.id, end, actor=actor())
    assert (first.status, first.ttft_ms, first.duration_ms) == (RunStatus.SUCCESS, 12, 345)
    assert first.completed_at == NOON
    end = Completion(status="failed", error_message=" Boom\0", metadata={"b": 2})
    second = await bench.complete(run.id, end, actor=actor())
    assert (second.status, second.ttft_ms, second.error_message) == ("failed", 12, "Boom\ufffd")
    kept = bench.database.table(RunMetadata)[run.id].values
    assert kept == {"value": [1], "a": 1, "b": 2}
    for refused, refusal in (
        (Completion(status="in_progress"), InvalidStatus),
        (Completion(status="success", ttft_ms=-1), RunInvalid),
    ):
        with pytest.raises(refusal):
            await bench.complete(run.id, refused, actor=actor())
    with pytest.raises(RunNotFound):
        await bench.complete(RunId(a_number()), end, actor=actor())


async def test_what_is_used_costs_what_it_costs_at_that_moment(bench: Bench) -> None:
    model = a_model(model_id="vendor/chat-8b")
    theirs = an_offering(
        model, owner=OTHER, price=a_price("2", "4", "1"), visibility=Visibility.PUBLIC
    )
    await given(bench.unit_of_work, model, theirs)
    used = {"input_tokens": 1000, "output_tokens": 500, "cached_input_tokens": 200}
    run = await bench.create(replace(NEW, model_id="other/chat"), actor=actor())
    await bench.append(run.id, say(1, "Hello"), actor=actor())
    for index in (2, 2, 3):  # what is sent again costs nothing again
        await bench.append(run.id, say(index, "Hi!", "assistant", **used), actor=actor())
    known = (await bench.get(run.id, actor=actor())).run
    assert (known.input_tokens, known.output_tokens, known.cached_input_tokens) == (2000, 1000, 400)
    assert known.cost_eur == 2 * Decimal("0.0038")
    end = Completion(status="success", input_tokens=1, output_tokens=1)
    assert (await bench.complete(run.id, end, actor=actor())).cost_eur == Decimal("0.000006")
    own = await bench.create(NEW, actor=actor())
    await bench.append(own.id, say(1, "Hi!", "assistant", **used), actor=actor())
    assert (await bench.get(own.id, actor=actor())).run.cost_eur == 0
    unknown = await bench.create(replace(NEW, model_id="no/such"), actor=actor())
    for index in (1, 2):
        await bench.append(unknown.id, say(index, "Hi!", "assistant", **used), actor=actor())
    known = (await bench.get(unknown.id, actor=actor())).run
    assert (known.cost_eur, known.input_tokens) == (None, 2000)


@given_any(st.none() | st.text())
def test_titles_are_cut_by_characters_and_never_fail(text: str | None) -> None:
    title = title_of(text)
    assert title is None or 0 < len(title) <= 200
    assert title_of("é" * 300) == "é" * 200
    assert title is None or title == title_of(title)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda more: st.lists(more) | st.dictionaries(st.text(), more),
    max_leaves=8,
)


@given_any(json_values)
def test_metadata_is_an_object_that_any_database_keeps(value: Any) -> None:
    kept = metadata_of(value)
    assert isinstance(kept, dict)
    assert "\0" not in str(kept)
    str(kept).encode()


def test_metadata_that_goes_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(20):
        deep = [deep]
    with pytest.raises(RunInvalid):
        metadata_of(deep)
