"""Whatever is done, memory and Postgres give the same answers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from dependency_injector.providers import Object
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.action_logs.entities import ActionLog, ActionStatus, ActionType, Component
from inventiv_core.action_logs.views import ActionLogFilter
from inventiv_core.catalog.views import OnSaleFilter
from inventiv_core.identity.access import OrganizationId, SessionId
from inventiv_core.identity.entities import Session
from inventiv_core.instances.entities import InstanceId, InstanceStatus, Lease
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.errors import DomainError
from inventiv_core.models.views import ModelOrder
from inventiv_core.workers.entities import WorkerStatus
from inventiv_http.container import MemoryAdapters, PostgresAdapters
from inventiv_http.settings import Settings
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    Market,
    a_model,
    a_number,
    a_worker,
    an_action,
    an_instance_type,
    given_teams,
    on_sale,
)

Command = Callable[[Any], Awaitable[object]]

TERM = timedelta(seconds=30)

EMPTY = """
    DO $$ BEGIN EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT IN ('installation', 'schema_applied')
    ); END $$
"""


class TwoWorlds:
    """Does everything twice, and compares."""

    def __init__(self, runner: asyncio.Runner, postgres: PostgresAdapters) -> None:
        self._runner = runner
        self._postgres = postgres
        self._memory = MemoryAdapters(settings=Object(Settings()))

    def begin(self) -> None:
        """Forget everything."""
        self._memory = MemoryAdapters(settings=Object(Settings()))
        self._runner.run(self._empty())

    async def _empty(self) -> None:
        async with self._postgres.pool().connection() as connection:
            await connection.execute(EMPTY)

    def both(self, command: Command) -> Any:
        """Return the answer of both."""
        in_memory = self._runner.run(answer(command, self._memory))
        in_postgres = self._runner.run(answer(command, self._postgres))
        assert in_memory == in_postgres
        return in_memory


async def answer(command: Command, adapters: Any) -> object:
    """Return the answer of one world, or the refusal."""
    try:
        return await command(adapters)
    except DomainError as error:
        return type(error), error.facts


seconds = st.integers(min_value=-5, max_value=40).map(lambda number: timedelta(seconds=number))
uuids = st.uuids() | st.integers(min_value=1, max_value=9).map(lambda number: UUID(int=number))
owners = st.sampled_from([ACME, OTHER])
limits = st.integers(min_value=0, max_value=5)
names = st.sampled_from(["a", "A", "b", "B", "é", "a b", "ab", "a-c", ""])
metadata = st.none() | st.dictionaries(
    names,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | names,
        lambda some: st.lists(some, max_size=2) | st.dictionaries(names, some, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)


class Agreement(RuleBasedStateMachine):
    """What a control plane does all day, in any order."""

    worlds: TwoWorlds  # set by the test

    instances = Bundle[InstanceId]("instances")
    leases = Bundle[Lease]("leases")
    logs = Bundle[ActionLog]("logs")
    sessions = Bundle[Session]("sessions")

    @initialize()
    def begin(self) -> None:
        self.worlds.begin()
        self.clock = ManualClock(NOON)
        self.market = Market()
        self.seen: set[UUID] = set()
        self.both(lambda adapters: given_teams(adapters.unit_of_work(), *self.market.everything))

    def both(self, command: Command) -> Any:
        return self.worlds.both(command)

    def work(self, command: Callable[[Any], Awaitable[object]]) -> Any:
        """Do it in one unit of work."""

        async def run(adapters: Any) -> object:
            async with adapters.unit_of_work()() as work:
                return await command(work)

        return self.both(run)

    def lease_work(self, command: Callable[[Any], Awaitable[object]]) -> Any:
        """Do it, and see when the next turn is."""
        answer = self.work(command)
        self.work(lambda work: work.leases.next_due(now=self.clock.now()))
        return answer

    @rule(by=seconds)
    def time_passes(self, by: timedelta) -> None:
        self.clock.advance(abs(by))

    @rule(target=instances, id=uuids, owner=owners, after=st.none() | seconds)
    def deploy(self, id: UUID, owner: OrganizationId, after: timedelta | None) -> Any:
        if id in self.seen:
            return multiple()
        self.seen.add(id)
        now = self.clock.now()
        instance = self.market.instance(owner=owner, at=now, id=InstanceId(id))

        async def run(work: Any) -> None:
            await work.instances.add(instance)
            if after is not None:
                await work.leases.schedule(instance.id, at=now + after)

        self.work(run)
        return instance.id

    @rule(
        id=instances,
        owner=st.none() | owners,
        status=st.sampled_from(InstanceStatus),
        address=st.sampled_from([None, "192.0.2.1", "2001:db8::1"]),
        is_archived=st.booleans(),
        is_stale=st.booleans(),
    )
    def change(
        self,
        id: InstanceId,
        owner: OrganizationId | None,
        status: InstanceStatus,
        address: str | None,
        *,
        is_archived: bool,
        is_stale: bool,
    ) -> None:
        async def run(work: Any) -> object:
            before = await work.instances.lock(id, owner=owner)
            after = before.change(
                status=status,
                status_since=self.clock.now(),
                ip_address=address,
                provider_instance_id=str(id),
                is_archived=is_archived,
            )
            stored = replace(before, version=before.version - 1) if is_stale else before
            await work.instances.save(stored, after, reason="for the test")
            return before

        self.work(run)

    @rule(id=instances, at=seconds)
    def schedule(self, id: InstanceId, at: timedelta) -> None:
        self.lease_work(lambda work: work.leases.schedule(id, at=self.clock.now() + at))

    @rule(target=leases, limit=limits)
    def claim(self, limit: int) -> Any:
        now = self.clock.now()
        leases: list[Lease] = self.lease_work(
            lambda work: work.leases.claim(now=now, until=now + TERM, limit=limit)
        )
        return multiple(*leases)

    @rule(lease=leases)
    def hold(self, lease: Lease) -> None:
        self.work(lambda work: work.leases.hold(lease, now=self.clock.now()))

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        now = self.clock.now()
        self.lease_work(lambda work: work.leases.renew(lease, now=now, until=now + TERM))

    @rule(lease=leases, after=st.none() | seconds, attempts=limits)
    def release(self, lease: Lease, after: timedelta | None, attempts: int) -> None:
        due_at = None if after is None else self.clock.now() + after
        self.lease_work(lambda work: work.leases.release(lease, due_at=due_at, attempts=attempts))

    @rule(
        id=instances,
        status=st.sampled_from(WorkerStatus),
        port=st.none() | st.integers(1, 65535),
        queue_depth=st.none() | limits,
        gpu_utilization=st.none() | st.floats(0, 100),
        metadata=metadata,
    )
    def report(self, id: InstanceId, **report: Any) -> None:
        worker = a_worker(
            self.market.instance(id=id),
            at=self.clock.now(),
            vllm_port=report.pop("port"),
            **report,
        )
        self.work(lambda work: work.workers.put(worker))

    @rule(id=instances)
    def forget_worker(self, id: InstanceId) -> None:
        self.work(lambda work: work.workers.forget(id))

    @rule(
        target=logs,
        id=instances,
        owner=owners,
        kind=st.sampled_from(list(ActionType)[:2]),
        metadata=metadata,
    )
    def act(self, id: InstanceId, owner: OrganizationId, kind: ActionType, metadata: Any) -> Any:
        log = an_action(kind, owner=owner, instance_id=id, at=self.clock.now(), metadata=metadata)
        self.work(lambda work: work.action_logs.put(log))
        return log

    @rule(log=logs, is_good=st.booleans())
    def end(self, log: ActionLog, *, is_good: bool) -> None:
        now = self.clock.now()
        ended = log.succeed(at=now) if is_good else log.fail(code="E", message="why", at=now)
        self.work(lambda work: work.action_logs.put(ended))

    @rule(target=sessions, workspace=st.none() | owners, used=seconds, lasts=seconds)
    def sign_in(self, workspace: OrganizationId | None, used: timedelta, lasts: timedelta) -> Any:
        number, now = a_number(), self.clock.now()
        session = Session(
            id=SessionId(number),
            user_id=ALICE,
            current_organization_id=workspace,
            token_hash=str(number),
            ip_address=None,
            user_agent=None,
            created_at=now,
            last_used_at=now + used,
            expires_at=now + lasts,
        )
        self.work(lambda work: work.sessions.add(session))
        return session

    @rule(session=sessions, revoked=st.booleans())
    def use_session(self, session: Session, *, revoked: bool) -> None:
        now = self.clock.now()
        if revoked:
            self.work(lambda work: work.sessions.revoke(session.id, at=now))
        else:
            self.work(lambda work: work.sessions.touch(session.id, at=now))
        find = session.token_hash
        self.both(lambda adapters: adapters.session_queries().find(find, now=now))
        self.work(lambda work: work.sessions.last_workspace(ALICE))

    @rule()
    def forget_sessions(self) -> None:
        self.work(lambda work: work.sessions.forget(expired_before=self.clock.now()))

    @rule(name=names, price=st.none() | st.decimals(0, 99, places=4), is_active=st.booleans())
    def sell(self, name: str, price: Any, *, is_active: bool) -> None:
        kind = an_instance_type(
            self.market.provider, code=name, cost_per_hour=price, is_active=is_active
        )

        async def run(work: Any) -> object:
            added = await work.catalog.add_instance_type(kind)
            if added:
                await work.catalog.put_on_sale(on_sale(kind, self.market.zone))
            return added

        self.work(run)

    @rule(id=st.booleans(), code=st.none() | st.sampled_from(["mock", "nobody"]))
    def shop(self, *, id: bool, code: str | None) -> None:
        where = OnSaleFilter(
            provider_id=self.market.provider.id if id else None, provider_code=code
        )
        self.both(lambda adapters: adapters.catalog_queries().on_sale(self.market.zone.id, where))

    @rule(name=names, size=st.none() | limits, is_active=st.booleans())
    def add_model(self, name: str, size: int | None, *, is_active: bool) -> None:
        model = replace(a_model(model_id=name, is_active=is_active), data_volume_gb=size)
        self.work(lambda work: work.models.add(model))

    @rule(only=st.booleans(), order=st.sampled_from(ModelOrder), down=st.booleans())
    def list_models(self, order: ModelOrder, *, only: bool, down: bool) -> None:
        self.both(
            lambda adapters: adapters.model_queries().list(
                only_active=only, order=order, descending=down
            )
        )

    @rule(id=instances, undone=st.booleans())
    def tell(self, id: InstanceId, *, undone: bool) -> None:
        instance = self.market.instance(id=id)

        async def run(work: Any) -> None:
            await work.outbox.add(InstanceChanged.of(instance, at=self.clock.now()))
            if undone:
                raise DomainError

        self.work(run)

    @rule(owner=owners, archived=st.booleans(), limit=limits)
    def look_at_instances(self, owner: OrganizationId, *, archived: bool, limit: int) -> None:
        self.both(
            lambda adapters: adapters.instance_queries().list(owner, archived=archived, limit=limit)
        )
        self.both(
            lambda adapters: adapters.routing_queries().snapshot(
                now=self.clock.now(), stale_after=TERM
            )
        )

    @rule(
        owner=owners,
        limit=limits,
        instance_id=st.none() | instances,
        status=st.none() | st.sampled_from(ActionStatus),
        component=st.none() | st.sampled_from(Component),
        action_type=st.none() | st.sampled_from(list(ActionType)[:2]),
    )
    def look_at_actions(self, owner: OrganizationId, limit: int, **where: Any) -> None:
        self.both(
            lambda adapters: adapters.action_log_queries().list(
                owner, ActionLogFilter(**where), limit=limit
            )
        )

    @rule(id=instances, owner=owners, kind=st.sampled_from(list(ActionType)[:2]))
    def look_at_one(self, id: InstanceId, owner: OrganizationId, kind: ActionType) -> None:
        self.both(lambda adapters: adapters.instance_queries().find(id, owner=owner))
        self.both(lambda adapters: adapters.situation_queries().find(id))
        self.work(lambda work: work.action_logs.last(id, kind))

    @rule()
    def look_around(self) -> None:
        async def living(work: Any) -> object:
            found = await work.instances.living(sorted(self.seen))
            return sorted(found, key=lambda instance: instance.id)

        async def told(adapters: Any) -> object:
            heard: list[Message] = []

            async def publish(messages: Any) -> None:
                heard.extend(messages)

            await adapters.relay().deliver(publish)
            return [message.event for message in heard]

        self.work(living)
        self.work(lambda work: work.leases.next_due(now=self.clock.now()))
        self.both(told)

    def teardown(self) -> None:
        if hasattr(self, "clock"):
            self.look_around()


async def opened(url: str) -> PostgresAdapters:
    adapters = PostgresAdapters(settings=Object(Settings(database_url=url)))
    await adapters.pool().open()
    return adapters


def test_memory_and_postgres_give_the_same_answers(database_url: str) -> None:
    with asyncio.Runner() as runner:
        postgres = runner.run(opened(database_url))
        worlds = TwoWorlds(runner, postgres)

        class Machine(Agreement):
            pass

        Machine.worlds = worlds
        try:
            run_state_machine_as_test(
                Machine, settings=settings(max_examples=100, stateful_step_count=30)
            )
        finally:
            runner.run(postgres.pool().close())
