"""Whatever is done in the workbench, memory and Postgres give the same answers."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from inventiv_core.identity.access import OrganizationId, Role, UserId
from inventiv_core.identity.entities.users import User
from inventiv_core.kernel.pagination import Key, PageRequest, needle
from inventiv_core.workbench.entities import (
    Access,
    MessageRole,
    Project,
    Reader,
    Retention,
    Run,
)
from inventiv_core.workbench.use_cases.messages import AppendMessage, NewMessage
from inventiv_core.workbench.use_cases.runs import (
    CompleteRun,
    Completion,
    DeleteRun,
    SearchRuns,
    UpdateRun,
)
from inventiv_core.workbench.views import RUN_KEYS, RunFilter, Scope
from tests.adapters.two_worlds import InBothWorlds, seconds, two_worlds
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_membership,
    a_model,
    a_number,
    a_price,
    a_project,
    a_run,
    a_user,
    an_actor,
    an_offering,
)

BOB = UserId(a_number())
people = st.sampled_from([ALICE, BOB])
owners = st.sampled_from([ACME, OTHER, None])
some = st.integers(0, 2)
words = st.sampled_from(["a", "A", "b", "é", "%", "a b"])
accesses = st.none() | st.sampled_from(Access)
ALL = Scope(organization_id=None, everywhere=True)


class Desk(InBothWorlds):
    """Two people who talk to models, in whatever workspace."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.runs: list[Run] = []
        self.projects: list[Project] = []
        self.bob: User | None = None
        self.ids: list[Any] = []

    @initialize()
    def open(self) -> None:
        self.runs, self.projects = [], []
        model = a_model(model_id="m/a")
        self.bob = a_user(id=BOB, username="bob")
        offering = an_offering(model, price=a_price())
        self.begin(self.bob, a_membership(user=BOB, role=Role.USER), model, offering)

    def actor(self, user: UserId, workspace: OrganizationId | None) -> Any:
        role = None if workspace is None else Role.USER
        return replace(an_actor(role, organization=workspace or ACME), user_id=user)

    def run_of(self, age: int) -> Run:
        return self.runs[max(-1 - age, -len(self.runs))]

    def needs(self, adapters: Any, *names: str) -> dict[str, Any]:
        """Return what a use case needs, with ids that are the same in both worlds."""
        ids = iter(self.ids)
        known: dict[str, Any] = {"clock": self.clock, "new_id": lambda: next(ids)}
        return {name: known.get(name) or getattr(adapters, name)() for name in names}

    def fresh(self) -> None:
        """Have other ids for what comes next."""
        self.ids = [a_number() for _ in range(4)]

    @rule(by=people, workspace=owners, access=accesses)
    def make_project(self, by: UserId, workspace: Any, access: Any) -> None:
        if by == BOB and self.bob is None:
            return
        access = None if workspace is None else access
        project = a_project(
            owner=by, organization=workspace, org_access=access, created_at=self.clock.now()
        )
        self.projects.append(project)
        self.work(lambda work: work.projects.add(project))

    @rule(by=people, workspace=owners, access=accesses, title=st.none() | words, inside=some)
    def make_run(self, by: UserId, workspace: Any, access: Any, title: Any, inside: int) -> None:
        if by == BOB and self.bob is None:
            return
        run = a_run(
            by=by,
            organization=workspace,
            org_access=None if workspace is None else access,
            title=title,
            model_id="acme/chat",
            at=self.clock.now(),
        )
        self.runs.append(run)
        self.work(lambda work: work.runs.add(run, {"a": title}))

    @precondition(lambda self: self.runs)
    @rule(
        age=some,
        by=people,
        workspace=owners,
        index=some,
        role=st.sampled_from(MessageRole),
        content=words,
        tokens=st.none() | st.integers(0, 9),
    )
    def say(self, age: int, by: UserId, workspace: Any, index: int, **said: Any) -> None:
        self.fresh()
        new = NewMessage(
            message_index=index,
            role=said["role"],
            content=said["content"],
            output_tokens=said["tokens"],
        )
        fields = (
            "unit_of_work", "organization_queries", "run_queries", "offering_queries",
            "clock", "new_id",
        )  # fmt: skip
        actor, run = self.actor(by, workspace), self.run_of(age)
        self.both(
            lambda adapters: AppendMessage(**self.needs(adapters, *fields))(
                run.id, new, actor=actor
            )
        )

    @precondition(lambda self: self.runs)
    @rule(age=some, by=people, took=st.none() | st.integers(0, 9), words=words)
    def complete(self, age: int, by: UserId, took: int | None, words: str) -> None:
        fields = (
            "unit_of_work", "organization_queries", "run_queries", "offering_queries", "clock",
        )  # fmt: skip
        end = Completion(
            status="success", duration_ms=took, metadata={words: took}, input_tokens=took
        )
        actor, run = self.actor(by, ACME), self.run_of(age)
        self.both(
            lambda adapters: CompleteRun(**self.needs(adapters, *fields))(run.id, end, actor=actor)
        )

    @precondition(lambda self: self.runs and self.projects)
    @rule(age=some, by=people, inside=some, access=accesses, title=st.none() | words)
    def change(self, age: int, by: UserId, inside: int, access: Any, title: Any) -> None:
        self.fresh()
        project = self.projects[inside % len(self.projects)]
        changes = {"title": title, "project_id": project.id, "org_access": access}
        fields = ("unit_of_work", "organization_queries", "clock", "new_id")
        actor, run = self.actor(by, ACME), self.run_of(age)
        self.both(
            lambda adapters: UpdateRun(**self.needs(adapters, *fields))(
                run.id, changes, actor=actor
            )
        )

    @precondition(lambda self: self.runs)
    @rule(age=some, by=people)
    def take_away(self, age: int, by: UserId) -> None:
        self.fresh()
        fields = ("unit_of_work", "organization_queries", "clock", "new_id")
        actor, run = self.actor(by, ACME), self.run_of(age)
        self.both(lambda adapters: DeleteRun(**self.needs(adapters, *fields))(run.id, actor=actor))

    @precondition(lambda self: self.projects)
    @rule(which=some, but_of=st.none() | people, is_gone=st.booleans())
    def release(self, which: int, but_of: UserId | None, *, is_gone: bool) -> None:
        project = self.projects[which % len(self.projects)]
        gone = replace(project, deleted_at=self.clock.now() if is_gone else None)

        async def run(work: Any) -> None:
            await work.projects.release_runs(project.id, but_of=but_of)
            await work.projects.save(gone)

        if is_gone:
            self.projects.remove(project)
        self.work(run)

    @rule(owner=st.sampled_from([ACME, OTHER]), days=st.none() | st.just(1), keeps=st.booleans())
    def choose(self, owner: OrganizationId, days: int | None, *, keeps: bool) -> None:
        chosen = Retention(delete_after_days=days, keeps_content=keeps)
        self.work(lambda work: work.retention.put(owner, chosen))

    @rule()
    def a_day_passes(self) -> None:
        self.clock.advance(timedelta(days=1))

    @rule(deleted_before=seconds)
    def sweep(self, deleted_before: timedelta) -> None:
        now = self.clock.now()

        async def run(work: Any) -> object:
            return (
                await work.retention.delete_expired(at=now, limit=9),
                await work.retention.erase_content(limit=99),
                await work.retention.purge(deleted_before=now - deleted_before, limit=9),
            )

        self.work(run)

    @rule(owner=st.sampled_from([ACME, OTHER]), joins=st.booleans())
    def come_and_go(self, owner: OrganizationId, *, joins: bool) -> None:
        if self.bob is None:
            return
        membership = a_membership(user=BOB, organization=owner, role=Role.USER)
        if joins:
            self.work(lambda work: work.organizations.add_member(membership))
        else:
            self.work(lambda work: work.organizations.remove_member(owner, BOB))

    @precondition(lambda self: self.bob is not None and self.runs)
    @rule()
    def leave_for_good(self) -> None:
        self.bob = None
        self.projects = [each for each in self.projects if each.owner_user_id != BOB]
        self.work(lambda work: work.users.remove(BOB))

    @rule(
        by=people,
        workspace=owners,
        words=st.none() | words,
        is_shared=st.none() | st.booleans(),
        key=st.sampled_from(RUN_KEYS),
        down=st.booleans(),
        limit=st.integers(1, 2),
    )
    def look_through(self, by: UserId, workspace: Any, key: Key, limit: int, **asked: Any) -> None:
        """Walk through all pages."""
        where = RunFilter(needle=needle(asked["words"]), is_shared=asked["is_shared"])
        actor, cursor = self.actor(by, workspace), None
        while True:
            page = PageRequest(
                order_by=key.name, descending=asked["down"], limit=limit, cursor=cursor
            )
            found = self.both(
                lambda adapters, page=page: SearchRuns(  # type: ignore[misc]
                    **self.needs(adapters, "run_queries", "organization_queries")
                )(where, page, everywhere=workspace == OTHER, actor=actor)
            )
            cursor = found.next_cursor
            if cursor is None:
                break

    @invariant()
    def all_that_is_known_is_the_same(self) -> None:
        readers = [
            Reader(user_id=user, organizations=frozenset(places))
            for user in (ALICE, BOB)
            for places in ((), (ACME,), (ACME, OTHER))
        ]

        async def known(adapters: Any) -> object:
            runs, projects = adapters.run_queries(), adapters.project_queries()
            return (
                [await runs.list(reader, ALL, limit=9) for reader in readers],
                [await projects.list(reader, ALL, limit=9) for reader in readers],
                [await runs.messages(run.id, limit=99) for run in self.runs],
                [await adapters.retention_queries().find(owner) for owner in (ACME, OTHER)],
            )

        async def metadata(work: Any) -> object:
            everyone = Reader(user_id=ALICE, organizations=frozenset({ACME, OTHER}))
            return [
                await work.runs.metadata(run.id)
                for run in self.runs
                if await work.runs.lock(run.id, reader=everyone) is not None
            ]

        self.both(known)
        self.work(metadata)
        assert self.clock.now() >= NOON


def test_memory_and_postgres_give_the_same_answers(database_url: str) -> None:
    with two_worlds(database_url) as worlds:
        machine: Any = partial(Desk, worlds)
        run_state_machine_as_test(
            machine, settings=settings(max_examples=40, stateful_step_count=25)
        )
