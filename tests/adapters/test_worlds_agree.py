"""Whatever is done, memory and Postgres give the same answers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from inventiv_core.action_logs.entities import ActionLog, ActionStatus, ActionType, Component
from inventiv_core.action_logs.use_cases import SearchActionLogs
from inventiv_core.action_logs.views import ActionLogFilter, action_log_keys
from inventiv_core.activations.entities import ActivationPolicy, Side
from inventiv_core.cloud.entities import Volume
from inventiv_core.commands.entities import Command, CommandId, CommandKind, Ending
from inventiv_core.deployments.entities import Plan, PlanId
from inventiv_core.identity.access import (
    GLOBAL_PERMISSIONS,
    OrganizationId,
    PlatformRole,
    Role,
    SessionId,
    UserId,
)
from inventiv_core.identity.entities.mails import SendAttempt
from inventiv_core.identity.entities.passwords import PasswordReset, PasswordResetId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.use_cases.users import SearchUsers
from inventiv_core.identity.views.users import UserFilter, user_keys
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus, Lease
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.instances.use_cases import SearchInstances
from inventiv_core.instances.views import InstanceFilter, instance_keys
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.pagination import Key, PageRequest, Window, needle, search_page
from inventiv_core.kernel.secrets import SealedSecret, SealKeyId
from inventiv_core.models.entities import Model
from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.views import MODEL_KEYS, ModelFilter, ModelOrder
from inventiv_core.observability.entities import (
    ROLLED_UP,
    AnsweredRequest,
    GpuReading,
    Level,
    Measurement,
    Resolution,
    SystemReading,
)
from inventiv_core.observability.views import SeriesFilter
from inventiv_core.settings.entities import Credential
from inventiv_core.storages.use_cases import conclude_storages, note_storages
from inventiv_core.workers.entities import Heard, WorkerReport, WorkerStatus
from tests.adapters.catalog.shop import Shop
from tests.adapters.finops.accounts import Accounts
from tests.adapters.finops.purses import Purses
from tests.adapters.inference.gatehouse import Gatehouse
from tests.adapters.two_worlds import TERM, InBothWorlds, seconds, two_worlds
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_mail,
    a_membership,
    a_model,
    a_number,
    a_provider,
    a_user,
    a_worker,
    an_action,
    an_actor,
    an_instance_type,
    on_sale,
)
from tests.core.models import published

owners = st.sampled_from([ACME, OTHER])
limits = st.integers(min_value=0, max_value=5)
prices = st.none() | st.sampled_from([Decimal("0.0000"), Decimal("0.7500"), Decimal("99.9999")])
some = st.integers(min_value=0, max_value=2)
"""Which of three."""
names = st.sampled_from(["a", "A", "b", "B", "é", "a b", "ab", "a-c", ""])
logins = st.sampled_from(["a", "b", "ab", "a-b"])
kinds = st.sampled_from(list(ActionType)[:2])
metadata = st.none() | st.dictionaries(
    names,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | names,
        lambda more: st.lists(more, max_size=2) | st.dictionaries(names, more, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)
chosen = st.booleans() | st.integers(-(2**60), 2**60) | names
"""What a setting may be set to."""
three_ids = st.lists(
    st.integers(1, 9).map(lambda n: UUID(int=n)), min_size=3, max_size=3, unique=True
)


class WithInstances(InBothWorlds):
    """Three instances, not in the order of their ids."""

    instances: list[Instance]

    @initialize(ids=three_ids, theirs=some)
    def deploy(self, ids: list[UUID], theirs: int) -> None:
        self.instances = [
            self.market.instance(
                id=InstanceId(number),
                owner=OTHER if place == theirs else ACME,
                at=self.clock.now() + timedelta(seconds=place // 2),
            )
            for place, number in enumerate(ids)
        ]
        self.begin(*self.instances)


class Reconcilers(WithInstances):
    """Workers of the control plane, some of whom are late."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.leases: list[Lease] = []

    def lease(self, age: int) -> Lease:
        """Return one of the last leases there were."""
        return self.leases[max(-1 - age, -len(self.leases))]

    @rule(which=some, after=seconds)
    def schedule(self, which: int, after: timedelta) -> None:
        at = self.clock.now() + after
        self.work(lambda work: work.leases.schedule(self.instances[which].id, at=at))

    @rule(after=seconds)
    def schedule_living(self, after: timedelta) -> None:
        at = self.clock.now() + after
        self.work(lambda work: work.leases.schedule_living(at=at))

    @rule(limit=limits)
    def claim(self, limit: int) -> None:
        now = self.clock.now()
        self.leases += self.work(
            lambda work: work.leases.claim(now=now, until=now + TERM, limit=limit)
        )

    @precondition(lambda self: self.leases)
    @rule(age=some)
    def hold(self, age: int) -> None:
        self.work(lambda work: work.leases.hold(self.lease(age), now=self.clock.now()))

    @precondition(lambda self: self.leases)
    @rule(age=some)
    def renew(self, age: int) -> None:
        now = self.clock.now()
        self.work(lambda work: work.leases.renew(self.lease(age), now=now, until=now + TERM))

    @precondition(lambda self: self.leases)
    @rule(age=some, after=st.none() | seconds, attempts=limits)
    def release(self, age: int, after: timedelta | None, attempts: int) -> None:
        due_at = None if after is None else self.clock.now() + after
        self.work(
            lambda work: work.leases.release(self.lease(age), due_at=due_at, attempts=attempts)
        )

    @invariant()
    def the_next_turn_is_the_same(self) -> None:
        self.work(lambda work: work.leases.next_due(now=self.clock.now()))


class Fleet(WithInstances):
    """Machines that change, and what they say of themselves."""

    @rule(
        which=some,
        owner=st.none() | owners,
        status=st.just(InstanceStatus.READY) | st.sampled_from(InstanceStatus),
        address=st.sampled_from(["192.0.2.1", "2001:db8::1", None]),
        is_archived=st.booleans(),
        is_stale=st.booleans(),
    )
    def change(
        self,
        which: int,
        owner: OrganizationId | None,
        status: InstanceStatus,
        address: str | None,
        *,
        is_archived: bool,
        is_stale: bool,
    ) -> None:
        wanted = self.instances[which].id

        async def run(work: Any) -> None:
            before = await work.instances.lock(wanted, owner=owner)
            after = before.change(
                status=status,
                status_since=self.clock.now(),
                ip_address=address,
                provider_instance_id=str(wanted),
                is_archived=is_archived,
                is_to_reinstall=is_archived,
                ready_at=self.clock.now() if status is InstanceStatus.READY else before.ready_at,
            )
            stored = replace(before, version=before.version - 1) if is_stale else before
            await work.instances.save(stored, after, reason="for the test")

        self.work(run)

    @rule(
        which=some,
        status=st.just(WorkerStatus.READY) | st.sampled_from(WorkerStatus),
        vllm_port=st.none() | st.integers(1, 65535),
        queue_depth=st.none() | limits,
        gpu_utilization=st.none() | st.floats(0, 100),
        metadata=metadata,
    )
    def report(self, which: int, **report: Any) -> None:
        worker = a_worker(self.instances[which], at=self.clock.now(), **report)
        self.work(lambda work: work.workers.put(worker))

    @rule(which=some, side=st.sampled_from(Side), is_activated=st.booleans())
    def activate(self, which: int, side: Side, *, is_activated: bool) -> None:
        async def run(work: Any) -> None:
            known = await work.activations.get(self.instances[which].id)
            wanted = known.withdraw(side)
            if is_activated:
                wanted = wanted.activate(side, by=ALICE, at=self.clock.now())
            await work.activations.put(wanted)

        self.work(run)

    @rule(which=some, number=st.integers(1, 3), size_gb=st.none() | limits, gone=st.booleans())
    def note_disk(self, which: int, number: int, size_gb: int | None, *, gone: bool) -> None:
        instance_id, at = self.instances[which].id, self.clock.now()
        volume = Volume(id=f"v-{number}", volume_type="t", size_gb=size_gb, is_boot=False)

        async def run(work: Any) -> object:
            new_id = partial(UUID, int=2**64 + 8 * which + number)
            await note_storages(instance_id, [volume], work, at=at, new_id=new_id)
            if gone:
                await conclude_storages(instance_id, work, at=at)
            return await work.storages.of(instance_id)

        self.work(run)

    @rule(which=some, owner=owners)
    def look_at_disks(self, which: int, owner: OrganizationId) -> None:
        instance_id = self.instances[which].id
        self.both(
            lambda adapters: adapters.storage_queries().list(instance_id, owner=owner, limit=2)
        )

    @rule(owner=owners, both=st.booleans())
    def require(self, owner: OrganizationId, *, both: bool) -> None:
        async def run(work: Any) -> object:
            known = await work.activations.lock_policy(owner)
            policy = ActivationPolicy(requires_double_activation=both)
            await work.activations.put_policy(owner, policy)
            return known

        self.work(run)

    @rule(which=some)
    def forget_worker(self, which: int) -> None:
        self.work(lambda work: work.workers.forget(self.instances[which].id))

    @rule(owner=owners, archived=st.booleans(), limit=limits)
    def look(self, owner: OrganizationId, *, archived: bool, limit: int) -> None:
        self.both(
            lambda adapters: adapters.instance_queries().list(
                owner, archived=archived, limit=limit, now=self.clock.now()
            )
        )

    @rule(
        owner=owners,
        archived=st.booleans(),
        status=st.none() | st.sampled_from(InstanceStatus),
        order=st.sampled_from([key.name for key in instance_keys(descending=False)]),
        down=st.booleans(),
        limit=st.integers(1, 3),
    )
    def look_through(
        self,
        owner: OrganizationId,
        status: InstanceStatus | None,
        order: str,
        limit: int,
        *,
        archived: bool,
        down: bool,
    ) -> None:
        """Walk through all pages."""
        where = InstanceFilter(archived=archived, status=status)
        page: Any = {"order_by": order, "order_dir": "desc" if down else "asc", "limit": limit}
        cursor = None
        while True:
            request = PageRequest.of(cursor=cursor, **page)
            found = self.both(
                lambda adapters, request=request: SearchInstances(  # type: ignore[misc]
                    instance_queries=adapters.instance_queries(), clock=self.clock
                )(where, request, counted=True, actor=an_actor(organization=owner))
            )
            cursor = found.next_cursor
            if cursor is None:
                break

    @invariant()
    def all_that_is_known_is_the_same(self) -> None:
        async def living(work: Any) -> object:
            found = await work.instances.living([instance.id for instance in self.instances])
            return sorted(found, key=lambda instance: instance.id)

        async def situations(adapters: Any) -> object:
            find = adapters.situation_queries().find
            return [await find(instance.id) for instance in self.instances]

        self.work(living)
        self.both(situations)
        for owner in (ACME, OTHER):
            self.both(
                lambda adapters, owner=owner: adapters.boot_queries().times(  # type: ignore[misc]
                    owner,
                    model_id=self.market.model.id,
                    instance_type_id=self.market.kind.id,
                    zone_id=self.market.zone.id,
                    limit=2,
                )
            )
        self.both(
            lambda adapters: adapters.routing_queries().snapshot(
                now=self.clock.now(), stale_after=TERM
            )
        )


class Meters(WithInstances):
    """What machines measure and answer, summed up at any time."""

    @rule(
        which=some,
        ago=seconds,
        gpu=some,
        value=st.none() | st.integers(0, 100).map(float),
        is_system=st.booleans(),
    )
    def measure(
        self, which: int, ago: timedelta, gpu: int, value: float | None, *, is_system: bool
    ) -> None:
        measured = Measurement(
            instance_id=self.instances[which].id,
            at=self.clock.now() - ago,
            gpus=[GpuReading(gpu_index=gpu, gpu_pct=value, vram_total_mb=value)],
            system=SystemReading(load1=value, disk_total_bytes=value) if is_system else None,
        )
        at = self.clock.now()
        self.work(lambda work: work.measurements.add([measured, measured], at=at))

    @rule(by=st.sampled_from([60, 3600, 21_600, 86_400]))
    def much_time_passes(self, by: int) -> None:
        self.clock.advance(timedelta(seconds=by))

    @rule(level=st.sampled_from(ROLLED_UP), over=seconds, marked=seconds)
    def sum_up(self, level: Level, over: timedelta, marked: timedelta) -> None:
        now = self.clock.now()

        async def run(work: Any) -> object:
            begins = await work.measurements.take(level, over_by=now - over, marked_by=now - marked)
            if begins is not None:
                await work.measurements.sum_up(level, begins, at=now)
            return begins

        self.work(run)

    @rule(level=st.sampled_from(Level), ago=st.integers(0, 3))
    def drop(self, level: Level, ago: int) -> None:
        before = self.clock.now() - ago * level.span
        self.work(lambda work: work.measurements.drop(level, before=before))

    @rule(which=some, status=st.sampled_from([200, 404, 500]), name=names, known=st.booleans())
    def answer(self, which: int, status: int, name: str, *, known: bool) -> None:
        instance_id = self.instances[which].id if known else InstanceId(a_number())
        request = AnsweredRequest(
            instance_id=instance_id,
            model_id=name,
            at=self.clock.now(),
            status_code=status,
            input_tokens=which,
            output_tokens=status,
            total_tokens=1,
        )
        self.work(lambda work: work.request_counts.add([request, request]))

    @rule(which=some, name=st.none() | names, status=st.sampled_from(WorkerStatus))
    def serve(self, which: int, name: str | None, status: WorkerStatus) -> None:
        worker = a_worker(self.instances[which], at=self.clock.now(), model_id=name, status=status)
        self.work(lambda work: work.workers.put(worker))

    @rule()
    def note(self) -> None:
        self.work(lambda work: work.runtime_models.note_served())

    @rule(which=some, worker_id=st.none() | st.sampled_from([UUID(int=1), UUID(int=2)]))
    def hear(self, which: int, worker_id: UUID | None) -> None:
        report = WorkerReport(worker_id=worker_id, queue_depth=which, metadata={"a": which})
        heard = Heard(
            instance_id=self.instances[which].id,
            report=report,
            at=self.clock.now(),
            token_hash=None,
        )
        self.work(lambda work: work.workers.hear([heard]))

    @rule(
        owner=owners,
        level=st.sampled_from(Level),
        steps=st.sampled_from([1, 2, 60]),
        which=st.none() | some,
        window=st.sampled_from([60, 86_400, 10**7]),
    )
    def look(
        self, owner: OrganizationId, level: Level, steps: int, which: int | None, window: int
    ) -> None:
        now = self.clock.now()
        where = SeriesFilter(
            instance_id=None if which is None else self.instances[which].id,
            since=now - timedelta(seconds=window),
            until=now,
        )
        shown = Resolution(level=level, step=steps * level.step)

        async def seen(adapters: Any) -> object:
            queries = adapters.observability_queries()
            return [
                await queries.gpus(owner, where, shown, limit=5),
                await queries.systems(owner, where, shown, limit=5),
            ]

        self.both(seen)

    @invariant()
    def all_that_is_counted_is_the_same(self) -> None:
        now = self.clock.now()

        async def counted(adapters: Any) -> object:
            queries = adapters.observability_queries()
            return [
                [
                    await queries.runtime_models(owner, now=now, stale_after=TERM, limit=5),
                    [await queries.requests(each.id, owner=owner) for each in self.instances],
                ]
                for owner in (ACME, OTHER)
            ], dict(await queries.fleet())

        async def marked(work: Any) -> object:
            return [await work.measurements.oldest_mark(level) for level in ROLLED_UP]

        async def standings(work: Any) -> object:
            found = await work.workers.standings([each.id for each in self.instances])
            return sorted(found, key=lambda standing: standing.instance_id)

        self.both(counted)
        self.work(marked)
        self.work(standings)


class Operators(InBothWorlds):
    """Commands that are asked for, carried out, lost and forgotten."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.claimed: list[Command] = []

    @initialize()
    def arrive(self) -> None:
        self.begin()

    def command(self, age: int) -> Command:
        """Return one of the last that were claimed."""
        return self.claimed[max(-1 - age, -len(self.claimed))]

    @rule(kind=st.sampled_from(CommandKind), number=st.integers(1, 2**40))
    def ask(self, kind: CommandKind, number: int) -> None:
        actor = replace(an_actor(), permissions=GLOBAL_PERMISSIONS)
        wanted = Command.ask(kind, id=CommandId(UUID(int=number)), actor=actor, at=self.clock.now())
        if self.both(lambda adapters: adapters.command_queries().find(wanted.id)) is None:
            self.work(lambda work: work.commands.ask(wanted))

    @rule()
    def claim(self) -> None:
        now = self.clock.now()
        claimed = self.work(lambda work: work.commands.claim(now=now, until=now + TERM))
        if claimed is not None:
            self.claimed.append(claimed)

    @precondition(lambda self: self.claimed)
    @rule(age=some)
    def renew(self, age: int) -> None:
        now = self.clock.now()
        self.work(lambda work: work.commands.renew(self.command(age), now=now, until=now + TERM))

    @precondition(lambda self: self.claimed)
    @rule(age=some, result=metadata, error=st.none() | names)
    def conclude(self, age: int, result: Any, error: str | None) -> None:
        ended = self.command(age).end(Ending(result=result, error=error), at=self.clock.now())
        self.work(lambda work: work.commands.conclude(ended))

    @rule(ago=seconds)
    def forget(self, ago: timedelta) -> None:
        self.work(lambda work: work.commands.forget(ended_before=self.clock.now() - ago))

    @invariant()
    def what_is_seen_is_the_same(self) -> None:
        self.both(lambda adapters: adapters.command_queries().list(limit=3))


class Plans(InBothWorlds):
    """Deployments that are planned, applied and forgotten."""

    plans: list[Plan]

    @initialize(ids=three_ids, prices=st.lists(prices, min_size=3, max_size=3))
    def intend(self, ids: list[UUID], prices: list[Decimal | None]) -> None:
        self.begin()
        self.plans = [
            Plan(
                id=PlanId(number),
                organization_id=ACME if place else OTHER,
                provider_id=self.market.provider.id,
                zone="a",
                instance_type="b",
                model_id=self.market.model.id,
                gpu_count=1,
                vram_per_gpu_gb=24,
                required_vram_gb=16,
                price_per_hour_eur=prices[place],
                created_at=self.clock.now(),
                expires_at=self.clock.now() + TERM,
            )
            for place, number in enumerate(ids)
        ]
        for plan in self.plans:
            self.work(lambda work, plan=plan: work.plans.add(plan))  # type: ignore[misc]

    @rule(which=some, owner=owners)
    def look(self, which: int, owner: OrganizationId) -> None:
        self.work(lambda work: work.plans.lock(self.plans[which].id, owner=owner))

    @rule(which=some, number=some, undone=st.booleans())
    def apply(self, which: int, number: int, *, undone: bool) -> None:
        async def run(work: Any) -> None:
            plan = self.plans[which]
            await work.plans.lock(plan.id, owner=plan.organization_id)
            await work.plans.apply(plan.id, instance_id=UUID(int=number))
            if undone:
                raise DomainError

        self.work(run)

    @rule()
    def forget(self) -> None:
        self.work(lambda work: work.plans.forget(before=self.clock.now()))

    @invariant()
    def all_that_is_planned_is_the_same(self) -> None:
        for plan in self.plans:
            self.work(
                lambda work, plan=plan: work.plans.lock(plan.id, owner=plan.organization_id)  # type: ignore[misc]
            )


class Books(WithInstances):
    """What was done, and what is told of it."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.logs: list[ActionLog] = []

    @rule(which=some, owner=owners, kind=kinds, metadata=metadata)
    def act(self, which: int, owner: OrganizationId, kind: ActionType, metadata: Any) -> None:
        log = an_action(
            kind,
            owner=owner,
            instance_id=self.instances[which].id,
            at=self.clock.now(),
            metadata=metadata,
        )
        if which == 0:
            log = replace(log, component=Component.ORCHESTRATOR)
        self.logs.append(log)
        self.work(lambda work: work.action_logs.put(log))

    @precondition(lambda self: self.logs)
    @rule(age=some, is_good=st.booleans(), more=metadata)
    def end(self, age: int, more: Any, *, is_good: bool) -> None:
        log, now = self.logs[max(-1 - age, -len(self.logs))], self.clock.now()
        good = log.succeed(at=now, metadata=more)
        ended = good if is_good else log.fail(code="E", message="why", at=now, metadata=more)
        self.work(lambda work: work.action_logs.put(ended))

    @rule(which=some, undone=st.booleans())
    def tell(self, which: int, *, undone: bool) -> None:
        async def run(work: Any) -> None:
            event = InstanceChanged.of(self.instances[which], at=self.clock.now())
            await work.outbox.add(event)
            if undone:
                raise DomainError

        self.work(run)

    @rule()
    def relay(self) -> None:
        async def told(adapters: Any) -> object:
            heard: list[Message] = []

            async def publish(messages: Any) -> None:
                heard.extend(messages)

            await adapters.relay().deliver(publish)
            return heard

        self.both(told)

    @rule()
    def forget(self) -> None:
        self.both(lambda adapters: adapters.relay().forget(before=self.clock.now()))

    @rule(owner=owners, after=st.integers(-1, 12), until=st.integers(0, 12), limit=limits)
    def read(self, owner: OrganizationId, after: int, until: int, limit: int) -> None:
        self.both(lambda adapters: adapters.event_log().after(after, limit=limit + 1))
        self.both(
            lambda adapters: adapters.event_log().after_in(
                owner, after, until=until, limit=limit + 1
            )
        )

    @rule(
        owner=owners,
        limit=limits,
        which=st.none() | some,
        status=st.none() | st.sampled_from(ActionStatus),
        component=st.none() | st.sampled_from(Component),
        action_type=st.none() | kinds,
    )
    def look(self, owner: OrganizationId, limit: int, which: int | None, **where: Any) -> None:
        instance_id = None if which is None else self.instances[which].id
        narrow = ActionLogFilter(instance_id=instance_id, **where)
        self.both(lambda adapters: adapters.action_log_queries().list(owner, narrow, limit=limit))

    @rule(
        owner=owners,
        order=st.sampled_from([key.name for key in action_log_keys(descending=False)]),
        down=st.booleans(),
        limit=st.integers(1, 3),
        status=st.none() | st.sampled_from(ActionStatus),
    )
    def look_through(
        self,
        owner: OrganizationId,
        order: str,
        limit: int,
        status: ActionStatus | None,
        *,
        down: bool,
    ) -> None:
        """Walk through all pages."""
        page: Any = {"order_by": order, "order_dir": "desc" if down else "asc", "limit": limit}
        cursor = None
        while True:
            request = PageRequest.of(cursor=cursor, **page)
            found = self.both(
                lambda adapters, request=request: SearchActionLogs(  # type: ignore[misc]
                    action_log_queries=adapters.action_log_queries()
                )(
                    ActionLogFilter(status=status),
                    request,
                    counted=True,
                    with_stats=True,
                    actor=an_actor(organization=owner),
                )
            )
            cursor = found.page.next_cursor
            if cursor is None:
                break

    @invariant()
    def the_books_are_the_same(self) -> None:
        for owner in (ACME, OTHER):
            self.both(
                lambda adapters, owner=owner: adapters.action_log_queries().list(  # type: ignore[misc]
                    owner, ActionLogFilter(), limit=100
                )
            )

    @rule(which=some, kind=kinds)
    def last(self, which: int, kind: ActionType) -> None:
        self.work(lambda work: work.action_logs.last(self.instances[which].id, kind))


class Office(InBothWorlds):
    """People who sign in, and the shelves they look at."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.sessions: list[Session] = []

    @initialize()
    def open(self) -> None:
        self.begin()

    @rule(workspace=st.none() | owners, used=seconds, lasts=seconds)
    def sign_in(self, workspace: OrganizationId | None, used: timedelta, lasts: timedelta) -> None:
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
        self.sessions.append(session)
        self.work(lambda work: work.sessions.add(session))

    @precondition(lambda self: self.sessions)
    @rule(age=some, revoked=st.booleans())
    def use_session(self, age: int, *, revoked: bool) -> None:
        session = self.sessions[max(-1 - age, -len(self.sessions))]
        now = self.clock.now()
        if revoked:
            self.work(lambda work: work.sessions.revoke(session.id, at=now))
        else:
            self.work(lambda work: work.sessions.touch({session.id: now}))

    @rule()
    def forget_sessions(self) -> None:
        self.work(lambda work: work.sessions.forget(expired_before=self.clock.now()))

    @invariant()
    def whoever_is_signed_in_is_the_same(self) -> None:
        async def signed_in(adapters: Any) -> object:
            find = adapters.session_queries().find
            return [
                await find(session.token_hash, now=self.clock.now()) for session in self.sessions
            ]

        self.both(signed_in)
        self.work(lambda work: work.sessions.last_workspace(ALICE))


class Library(WithInstances):
    """Models that come, change and go, and machines that could run them."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.models: list[Model] = []

    def model(self, age: int) -> Model:
        """Return one of the last models, or the one that the instances have."""
        return [*self.models, self.market.model][max(-1 - age, -1 - len(self.models))]

    @rule(name=names, size=st.none() | limits, is_active=st.booleans(), kept=metadata)
    def add_model(self, name: str, size: int | None, kept: Any, *, is_active: bool) -> None:
        model = replace(
            a_model(model_id=name, is_active=is_active), data_volume_gb=size, metadata=kept or {}
        )
        self.models.append(model)
        self.work(lambda work: work.models.add(model))

    @rule(age=some, name=names, size=limits, known=st.booleans())
    def change_model(self, age: int, name: str, size: int, *, known: bool) -> None:
        config = published.MODELS["Gemma-2-9B"].config
        architecture = read_config(config) if known else None

        async def run(work: Any) -> object:
            before = await work.models.lock(self.model(age).id)
            if before is None:
                return None
            after = replace(
                before,
                model_id=name,
                required_vram_gb=size,
                updated_at=self.clock.now(),
                architecture=architecture,
            )
            return before, await work.models.save(after)

        self.work(run)

    @rule(age=some)
    def remove_model(self, age: int) -> None:
        async def run(work: Any) -> object:
            model = await work.models.lock(self.model(age).id)
            return model and await work.models.remove(model.id)

        self.work(run)

    @rule(only=st.booleans(), order=st.sampled_from(ModelOrder), down=st.booleans(), limit=limits)
    def list_models(self, order: ModelOrder, limit: int, *, only: bool, down: bool) -> None:
        self.both(
            lambda adapters: adapters.model_queries().list(
                only_active=only, order=order, descending=down, limit=limit
            )
        )

    @rule(
        words=st.none() | names,
        is_active=st.none() | st.booleans(),
        key=st.sampled_from(MODEL_KEYS),
        down=st.booleans(),
        limit=st.integers(1, 2),
    )
    def walk(
        self, words: str | None, key: Key, limit: int, *, is_active: bool | None, down: bool
    ) -> None:
        where = ModelFilter(needle=needle(words), is_active=is_active)

        async def run(adapters: Any) -> object:
            async def find(window: Window) -> Any:
                return await adapters.model_queries().search(where, window)

            page = PageRequest(order_by=key.name, descending=down, limit=limit)
            first = await search_page(find, page, MODEL_KEYS)
            return first, await search_page(
                find, replace(page, cursor=first.next_cursor), MODEL_KEYS
            )

        self.both(run)

    @rule(code=names, is_active=st.booleans(), is_available=st.booleans())
    def sell(self, code: str, *, is_active: bool, is_available: bool) -> None:
        kind = an_instance_type(self.market.provider, code=code, is_active=is_active)
        now = self.clock.now()

        async def run(work: Any) -> None:
            await work.catalog.add_instance_type(kind, at=now)
            link = on_sale(kind, self.market.zone, is_available=is_available)
            await work.catalog.put_on_sale(link)

        self.work(run)

    @rule(keys=st.lists(names, max_size=3), kind=st.sampled_from(["model", "type"]))
    def seed(self, keys: list[str], kind: str) -> None:
        self.work(lambda work: work.seeded.remember(kind, keys))

    @invariant()
    def what_can_be_served_is_the_same(self) -> None:
        async def known(adapters: Any) -> object:
            find = adapters.model_queries().find
            return [await find(model.id) for model in (*self.models, self.market.model)]

        self.both(known)
        self.both(lambda adapters: adapters.machine_queries().list(limit=100))


class Cabinet(InBothWorlds):
    """What organizations have chosen for providers, and their credentials."""

    @initialize()
    def open(self) -> None:
        self.providers = [
            replace(a_provider(code=code, is_active=code != "off"), name=name)
            for code, name in (("scaleway", "b"), ("off", "B"), ("other", "a"))
        ]
        self.begin(*self.providers)

    @rule(key=names, value=st.none() | chosen)
    def choose_for_all(self, key: str, value: Any) -> None:
        async def run(work: Any) -> object:
            before = await work.settings.lock_global(key)
            await work.settings.put_global(key, value, at=self.clock.now())
            return before

        self.work(run)

    @rule(
        owner=owners,
        which=some,
        changes=st.dictionaries(names, st.none() | chosen, max_size=3),
        undone=st.booleans(),
    )
    def choose(
        self, owner: OrganizationId, which: int, changes: dict[str, Any], *, undone: bool
    ) -> None:
        provider_id = self.providers[which].id

        async def run(work: Any) -> object:
            before = await work.settings.params(owner, provider_id)
            await work.settings.put_params(owner, provider_id, changes, at=self.clock.now())
            if undone:
                raise DomainError
            return before

        self.work(run)

    @rule(
        owner=owners,
        which=some,
        fields=st.lists(names, max_size=3, unique=True),
        key_id=st.sampled_from(["one", "two"]),
        by=st.none() | st.just(ALICE),
    )
    def trust(
        self, owner: OrganizationId, which: int, fields: list[str], key_id: str, by: Any
    ) -> None:
        credentials = [
            Credential(
                organization_id=owner,
                provider_id=self.providers[which].id,
                field=field,
                sealed=SealedSecret(key_id=SealKeyId(key_id), data=field.encode()),
                last_four=None if by is None else field,
                changed_at=self.clock.now(),
                changed_by_user_id=by,
                changed_by_name=None if by is None else "alice",
            )
            for field in fields
        ]
        self.work(lambda work: work.credentials.put(credentials))

    @rule(owner=owners, which=some, fields=st.lists(names, max_size=2))
    def distrust(self, owner: OrganizationId, which: int, fields: list[str]) -> None:
        self.work(lambda work: work.credentials.remove(owner, self.providers[which].id, fields))

    @rule(key_id=st.sampled_from(["one", "two"]), limit=st.integers(1, 3))
    def rotate(self, key_id: str, limit: int) -> None:
        """Walk through what another key has sealed, and seal it anew."""

        async def run(work: Any) -> object:
            walked: list[Any] = []
            after = None
            while found := await work.credentials.sealed_otherwise(
                SealKeyId(key_id), after=after, limit=limit
            ):
                walked.append(found)
                sealed = SealedSecret(key_id=SealKeyId(key_id), data=b"anew")
                await work.credentials.put([replace(known, sealed=sealed) for known in found[1:]])
                after = found[-1].place
            return walked

        self.work(run)

    @rule(owner=owners, limit=limits)
    def look(self, owner: OrganizationId, limit: int) -> None:
        self.both(lambda adapters: adapters.setting_queries().params(owner, limit=limit))
        self.both(lambda adapters: adapters.setting_queries().credential_fields(owner, limit=limit))

    @invariant()
    def all_that_was_chosen_is_the_same(self) -> None:
        async def stored(work: Any) -> object:
            return [
                await work.credentials.of(owner, provider.id)
                for owner in (ACME, OTHER)
                for provider in self.providers
            ]

        self.both(lambda adapters: adapters.setting_queries().globals())
        self.work(stored)
        for owner in (ACME, OTHER):
            self.both(
                lambda adapters, owner=owner: adapters.setting_queries().params(owner, limit=9)  # type: ignore[misc]
            )


class Staff(InBothWorlds):
    """People who come and go, forget their passwords, and get mail."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.users: dict[UserId, User] = {}
        self.attempts: list[SendAttempt] = []

    @initialize()
    def open(self) -> None:
        self.begin()
        self.users = {ALICE: a_user()}

    def someone(self, which: int) -> UserId:
        return list(self.users)[which % len(self.users)]

    @rule(username=logins, email=logins, role=st.sampled_from(PlatformRole))
    def hire(self, username: str, email: str, role: PlatformRole) -> None:
        user = replace(
            a_user(id=UserId(a_number()), username=username, role=role),
            email=f"{email}@example.org",
            created_at=self.clock.now(),
            updated_at=self.clock.now(),
        )
        if self.work(lambda work: work.users.add(user)) is None:
            self.users[user.id] = user

    @precondition(lambda self: self.users)
    @rule(which=some, username=logins, role=st.sampled_from(PlatformRole), name=st.none() | names)
    def change(self, which: int, username: str, role: PlatformRole, name: str | None) -> None:
        before = self.users[self.someone(which)]
        after = replace(
            before, username=username, role=role, first_name=name, updated_at=self.clock.now()
        )
        if self.work(lambda work: work.users.save(after)) is None:
            self.users[after.id] = after

    @precondition(lambda self: self.users)
    @rule(which=some)
    def fire(self, which: int) -> None:
        user_id = self.someone(which)
        self.work(lambda work: work.users.remove(user_id))
        del self.users[user_id]

    @precondition(lambda self: self.users)
    @rule(which=some, owner=owners, role=st.sampled_from(Role))
    def join(self, which: int, owner: OrganizationId, role: Role) -> None:
        membership = a_membership(user=self.someone(which), organization=owner, role=role)
        self.work(lambda work: work.organizations.add_member(membership))

    @precondition(lambda self: self.users)
    @rule(which=some, lasts=seconds)
    def forget_password(self, which: int, lasts: timedelta) -> None:
        number, now = a_number(), self.clock.now()
        reset = PasswordReset(
            id=PasswordResetId(number),
            user_id=self.someone(which),
            token_hash=f"hash {which}",
            created_at=now,
            expires_at=now + lasts,
        )

        async def run(work: Any) -> None:
            other = await work.password_resets.find(reset.token_hash, now=NOON - TERM)
            if other is not None:  # no two tokens have one hash
                await work.password_resets.withdraw(other.user_id)
            await work.password_resets.put(reset)

        self.work(run)

    @rule(which=some)
    def use_link(self, which: int) -> None:
        now = self.clock.now()
        self.work(lambda work: work.password_resets.take(f"hash {which}", now=now))

    @precondition(lambda self: self.users)
    @rule(which=some)
    def withdraw(self, which: int) -> None:
        self.work(lambda work: work.password_resets.withdraw(self.someone(which)))

    @rule()
    def tidy_up(self) -> None:
        async def run(work: Any) -> object:
            now = self.clock.now()
            return (
                await work.password_resets.forget(expired_before=now),
                await work.mails.forget(ended_before=now),
                await work.attempts.forget(before=now - TERM),
            )

        self.work(run)

    @rule(recipient=names)
    def write(self, recipient: str) -> None:
        mail = a_mail(recipient=recipient, at=self.clock.now())
        self.work(lambda work: work.mails.add(mail))

    @rule()
    def claim(self) -> None:
        now = self.clock.now()
        attempt = self.work(lambda work: work.mails.claim(now=now, until=now + TERM))
        if attempt is not None:
            self.attempts.append(attempt)

    @precondition(lambda self: self.attempts)
    @rule(age=some, is_sent=st.none() | st.booleans(), later=seconds)
    def end(self, age: int, later: timedelta, *, is_sent: bool | None) -> None:
        attempt, now = self.attempts[max(-1 - age, -len(self.attempts))], self.clock.now()
        if is_sent is None:
            self.work(lambda work: work.mails.put_back(attempt, due_at=now + later))
        else:
            self.work(lambda work: work.mails.conclude(attempt, is_sent=is_sent, at=now))

    @rule(key=logins, window=seconds)
    def guess(self, key: str, window: timedelta) -> None:
        now = self.clock.now()
        self.work(lambda work: work.attempts.count(key, at=now, window=window))

    @rule(key=logins, good=st.booleans())
    def forgive(self, key: str, *, good: bool) -> None:
        if good:
            self.work(lambda work: work.attempts.forgive([key]))
        else:
            self.work(lambda work: work.attempts.take_back(key))

    @rule(
        words=st.none() | logins,
        owner=st.none() | owners,
        role=st.none() | st.sampled_from(Role),
        order=st.sampled_from([key.name for key in user_keys(descending=False)]),
        down=st.booleans(),
        limit=st.integers(1, 3),
    )
    def look_through(
        self,
        words: str | None,
        owner: OrganizationId | None,
        role: Role | None,
        order: str,
        limit: int,
        *,
        down: bool,
    ) -> None:
        """Walk through all pages."""
        where = UserFilter(needle=words, organization_id=owner, organization_role=role)
        page: Any = {"order_by": order, "order_dir": "desc" if down else "asc", "limit": limit}
        admin = replace(an_actor(), permissions=GLOBAL_PERMISSIONS)
        cursor, seen = None, 0
        while True:
            request = PageRequest.of(cursor=cursor, **page)
            found = self.both(
                lambda adapters, request=request: SearchUsers(  # type: ignore[misc]
                    user_queries=adapters.user_queries()
                )(where, request, actor=admin)
            )
            seen += len(found.rows)
            cursor = found.next_cursor
            if cursor is None:
                break
        assert seen == found.filtered_count

    @invariant()
    def everybody_is_the_same(self) -> None:
        self.both(lambda adapters: adapters.user_queries().list(limit=100))
        self.work(lambda work: work.users.lock_with_admins(ALICE))
        for which in range(3):
            self.work(
                lambda work, which=which: work.password_resets.find(  # type: ignore[misc]
                    f"hash {which}", now=self.clock.now()
                )
            )


@pytest.mark.parametrize(
    "machine",
    [
        Reconcilers,
        Operators,
        Fleet,
        Plans,
        Meters,
        Books,
        Office,
        Library,
        Shop,
        Cabinet,
        Staff,
        Accounts,
        Gatehouse,
        Purses,
    ],
)
def test_memory_and_postgres_give_the_same_answers(
    database_url: str, machine: type[InBothWorlds]
) -> None:
    with two_worlds(database_url) as worlds:
        factory: Any = partial(machine, worlds)
        run_state_machine_as_test(
            factory, settings=settings(max_examples=40, stateful_step_count=25)
        )
