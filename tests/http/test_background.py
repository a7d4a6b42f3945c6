"""Background work, for real, over memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from dependency_injector.providers import Object
from structlog.testing import capture_logs

from inventiv_adapters.cloud.memory import MemoryCloud
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_core.commands.entities import Command, CommandKind, CommandState
from inventiv_core.commands.errors import CommandLost
from inventiv_core.deployments.entities import Deployment
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, PLATFORM, Actor
from inventiv_core.identity.entities.mails import Mail
from inventiv_core.identity.errors.mails import MailNotSent
from inventiv_core.inference.entities.usage import InferenceUsage, Outcome
from inventiv_core.inference.use_cases.limits import Limited
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.instances.errors import LeaseLost
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.models.entities import MOCK_MODEL, Model
from inventiv_core.orchestration.entities import Patience
from inventiv_core.settings.definitions import WORKER_STALE
from inventiv_core.workers.entities import WorkerCaller, WorkerReport, WorkerStatus
from inventiv_http import background
from inventiv_http.background import Background
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import NOON, Market, a_mail, a_number, an_actor, given, given_teams
from tests.conftest import SETTINGS, under_control
from tests.http.server import PATIENCE_S, eventually

MOMENT = timedelta(milliseconds=2)
SOONER_S = 1.5
"""Less than the time after which routes are refreshed anyway."""
IMPATIENT = Patience(
    lease=timedelta(seconds=1), poll=MOMENT, watch=MOMENT, settle=MOMENT, confirm=MOMENT,
    first_retry=MOMENT, last_retry=MOMENT,
)  # fmt: skip


@pytest.fixture(autouse=True)
def without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_PAUSE_AFTER_ERROR_S", 0.002)
    monkeypatch.setattr(background, "_IDLE", MOMENT)


@pytest.fixture
def memory() -> MemoryAdapters:
    """The world in memory, where time passes, and nobody waits for long."""
    controlled = under_control() | {"clock": Object(SystemClock())}
    return MemoryAdapters(settings=Object(SETTINGS), patience=Object(IMPATIENT), **controlled)


@pytest.fixture
async def market(memory: MemoryAdapters) -> Market:
    market = Market()
    await given_teams(memory.unit_of_work(), *market.everything)
    return market


@asynccontextmanager
async def at_work(application: Application, *, works: bool = True) -> AsyncGenerator[None]:
    """Do the background work; afterwards nothing of it is left."""
    before = asyncio.all_tasks()
    async with Background(application, works=works, sweep_interval_s=1).running():
        yield
    assert asyncio.all_tasks() <= before


def the_only(memory: MemoryAdapters) -> Instance:
    [instance] = memory.database().table(Instance).values()
    return instance


def is_in(memory: MemoryAdapters, status: InstanceStatus) -> bool:
    return the_only(memory).status is status


def is_routed(memory: MemoryAdapters) -> bool:
    """Tell whether calls would go to the only instance."""
    instance, models = the_only(memory), memory.database().table(Model)
    model_id = models[instance.model_id].model_id
    return memory.router().freshest(instance.organization_id, model_id) is not None


async def deploy(application: Application, market: Market) -> InstanceId:
    deployment: Deployment = await application.create_deployment()(
        market.request(), actor=an_actor()
    )
    return InstanceId(deployment.instance_id)


async def test_a_deployment_gets_ready_by_itself_and_is_gone_when_nobody_wants_it(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    cloud: MemoryCloud = memory.cloud()
    costs = {"InstanceCostStarted", "InstanceCostStopped"}
    asked = {"ProvisioningRequested", "TerminationRequested"}
    told = {"InstanceChanged", "ActionLogged"} | costs | asked
    heard: set[str] = set()
    memory.bus().subscribe(lambda message: heard.add(type(message.event).__name__))
    async with at_work(application):
        instance_id = await deploy(application, market)
        await eventually(lambda: is_in(memory, InstanceStatus.INSTALLING))
        [order] = cloud.orders
        memory.engine_probe().serving["http://127.0.0.1:9000"] = (MOCK_MODEL,)
        worker = WorkerCaller(token=order.setup.auth_token, ip_address=None)
        await application.register_worker()(
            instance_id, WorkerReport(vllm_port=9000, status=WorkerStatus.READY), actor=worker
        )
        await eventually(lambda: is_in(memory, InstanceStatus.READY))
        await eventually(lambda: is_routed(memory))
        await application.terminate_instance()(instance_id, actor=an_actor())
        await eventually(lambda: is_in(memory, InstanceStatus.TERMINATED))
        await eventually(lambda: not is_routed(memory))
        await eventually(lambda: told <= heard)  # what is stored is told a moment later
    assert (len(cloud.orders), cloud.machines) == (1, {})
    assert told == heard


class Fragile:
    """Fails the first times, then works."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        if self.calls <= self.failures:
            message = "the database is away"
            raise ConnectionError(message)
        return None


@pytest.mark.parametrize(
    "name",
    [
        "refresh_routes",
        "flush_usage",
        "sweep_machines",
        "forget_sessions",
        "forget_events",
        "sweep_workbench",
        "seed_budgets",
        "renew_holds",
    ],
)
async def test_a_job_that_fails_does_not_stop_the_others(
    application: Application, memory: MemoryAdapters, market: Market, name: str
) -> None:
    fragile = Fragile(failures=10**9)
    with application.providers[name].override(Object(fragile)):
        async with at_work(application):
            await deploy(application, market)
            await eventually(lambda: is_in(memory, InstanceStatus.INSTALLING))
            await eventually(lambda: fragile.calls)


async def test_a_job_that_fails_is_tried_again(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    fragile = Fragile(failures=3)
    with application.relay_events.override(Object(fragile)):
        async with at_work(application):
            await eventually(lambda: fragile.calls > 3)


async def test_when_claiming_fails_it_is_tried_again(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    claim, failures = application.claim_instances(), iter(range(3))

    async def fragile(**options: Any) -> Any:
        if next(failures, None) is not None:
            raise ConnectionError
        return await claim(**options)

    with application.claim_instances.override(Object(fragile)):
        async with at_work(application):
            await deploy(application, market)
            await eventually(lambda: is_in(memory, InstanceStatus.INSTALLING))


async def test_an_instance_that_cannot_be_reconciled_does_not_keep_the_others_waiting(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    poisoned = market.instance()
    await given(memory.unit_of_work(), poisoned)
    async with memory.unit_of_work()() as work:
        await work.leases.schedule(poisoned.id, at=memory.clock().now())
    reconcile = application.reconcile_instance()

    async def fragile(lease: Any, **options: Any) -> Any:
        if lease.instance_id == poisoned.id:
            raise RuntimeError
        return await reconcile(lease, **options)

    with application.reconcile_instance.override(Object(fragile)):
        async with at_work(application):
            instance_id = await deploy(application, market)
            table = memory.database().table
            await eventually(
                lambda: table(Instance)[instance_id].status is InstanceStatus.INSTALLING
            )


async def test_work_goes_on_no_longer_than_the_right_to_do_it(
    application: Application,
    memory: MemoryAdapters,
    market: Market,
) -> None:
    ended = asyncio.Event()

    async def endless(*_: Any, **__: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def lost(lease: Any, **_: Any) -> None:
        raise LeaseLost(instance_id=lease.instance_id)

    brief = Object(Patience(lease=timedelta(milliseconds=30)))
    with (
        memory.patience.override(brief),
        application.reconcile_instance.override(Object(endless)),
        application.renew_lease.override(Object(lost)),
    ):
        async with at_work(application):
            await deploy(application, market)
            await eventually(ended.is_set)


async def test_a_long_job_keeps_its_lease(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    renewed, may_end = asyncio.Event(), asyncio.Event()
    renewals = 0

    async def slow(*_: Any, **__: Any) -> None:
        await renewed.wait()
        may_end.set()

    async def renew(*_: Any, **__: Any) -> None:
        nonlocal renewals
        renewals += 1
        if renewals == 1:
            raise ConnectionError  # as long as it has not run out, it is ours
        renewed.set()

    brief = Object(Patience(lease=timedelta(milliseconds=30)))
    with (
        memory.patience.override(brief),
        application.reconcile_instance.override(Object(slow)),
        application.renew_lease.override(Object(renew)),
    ):
        async with at_work(application):
            await deploy(application, market)
            await eventually(may_end.is_set)


async def test_stopping_in_the_middle_stops_the_work_and_keeps_what_was_used(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    asked = asyncio.Event()

    async def endless(*_: Any, **__: Any) -> None:
        asked.set()
        await asyncio.Event().wait()

    with application.reconcile_instance.override(Object(endless)):
        async with at_work(application):
            await deploy(application, market)
            await eventually(asked.is_set)
            memory.usage_spool().put(a_call())
    assert len(memory.database().table(InferenceUsage)) == 1


async def test_a_stop_is_heard_although_there_is_news_at_that_very_moment(
    application: Application, memory: MemoryAdapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_CANCEL_AGAIN_S", 3600.0)
    news = InstanceChanged.of(Market().instance(), at=NOON)
    refreshed = Fragile(failures=0)
    with application.refresh_routes.override(Object(refreshed)):
        async with asyncio.timeout(PATIENCE_S), at_work(application, works=False):
            await eventually(lambda: refreshed.calls > 1)
            await asyncio.sleep(0)
            await memory.bus().publish([Message(id=1, event=news)])


async def test_a_stop_is_repeated_for_whoever_did_not_hear_it(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_CANCEL_AGAIN_S", 0.002)
    told = 0

    async def deaf(**_: Any) -> None:
        nonlocal told
        while told < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1
        await asyncio.Event().wait()

    with application.sweep_machines.override(Object(deaf)):
        async with asyncio.timeout(PATIENCE_S), at_work(application):
            await asyncio.sleep(0)
    assert told == 2


async def test_a_process_that_only_serves_rents_nothing(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    refreshed, swept = Fragile(failures=0), Fragile(failures=0)
    with (
        application.refresh_routes.override(Object(refreshed)),
        application.sweep_machines.override(Object(swept)),
    ):
        async with at_work(application, works=False):
            await deploy(application, market)
            memory.usage_spool().put(a_call())
            await eventually(lambda: refreshed.calls > 1)
            await eventually(lambda: memory.database().table(InferenceUsage))
            assert await application.relay_events()(actor=PLATFORM)  # nobody has
    assert is_in(memory, InstanceStatus.PROVISIONING)
    assert not swept.calls


async def test_news_has_the_work_done_before_its_time(
    application: Application,
    memory: MemoryAdapters,
    market: Market,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "_IDLE", timedelta(hours=1))
    refreshed = Fragile(failures=0)
    with application.refresh_routes.override(Object(refreshed)):
        async with at_work(application), asyncio.timeout(SOONER_S):
            await eventually(lambda: refreshed.calls > 1)
            await deploy(application, market)
            await eventually(lambda: is_in(memory, InstanceStatus.INSTALLING))
            await eventually(lambda: refreshed.calls > 2)


async def test_a_limit_holds_as_soon_as_it_is_set_and_what_was_used_is_looked_up(
    application: Application, memory: MemoryAdapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_ROUTES_S", 3600.0)
    monkeypatch.setattr(background, "_BUDGETS_S", 0.002)
    monkeypatch.setattr(background, "_HOLDS_S", 0.002)
    renewed = Fragile(failures=1)
    await given_teams(memory.unit_of_work())
    with application.renew_holds.override(Object(renewed)):
        async with at_work(application), asyncio.timeout(SOONER_S):
            limit = await application.set_limit()(
                Limited(model="m"), {"tokens_per_day": 5}, actor=an_actor()
            )
            await eventually(lambda: memory.limits().book.limits == (limit,))
            await eventually(lambda: memory.limiter().remembered)
            await eventually(lambda: renewed.calls > 1)


def a_fresh_mail() -> Mail:
    return a_mail(at=SystemClock().now())


async def queue(memory: MemoryAdapters, mail: Mail) -> None:
    async with memory.unit_of_work()() as work:
        await work.mails.add(mail)


async def test_mail_is_sent_as_soon_as_it_is_told_of(
    application: Application, memory: MemoryAdapters
) -> None:
    mailer = memory.mailer()
    async with at_work(application):
        await asyncio.sleep(0.05)  # the first look finds nothing
        async with asyncio.timeout(background._MAILS_S / 2):  # noqa: SLF001 - before the next one
            await queue(memory, a_fresh_mail())
            await eventually(lambda: mailer.sent)
    assert len(mailer.sent) == 1


async def test_who_only_serves_sends_no_mail(
    application: Application, memory: MemoryAdapters
) -> None:
    await queue(memory, a_fresh_mail())
    async with at_work(application, works=False):
        await asyncio.sleep(0.05)
    assert not memory.mailer().sent


async def test_the_operator_is_told_of_mail_that_was_not_sent_and_not_what_is_in_it(
    application: Application, memory: MemoryAdapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object, message: object) -> None:
        raise MailNotSent(reason="no such mailbox", is_final=True)

    monkeypatch.setattr(type(memory.mailer()), "send", refuse)
    mail = a_fresh_mail()
    await queue(memory, mail)
    with capture_logs() as logs:
        async with at_work(application):
            await eventually(lambda: any(log["event"] == "mail_given_up" for log in logs))
    [told] = [log for log in logs if log["event"] == "mail_given_up"]
    assert (told["mail"], told["attempts"]) == (str(mail.id), 1)
    assert told["reason"] == "no such mailbox"
    assert mail.recipient not in str(told)
    token = memory.link_tokens().derive(mail.kind, mail.link_id, mail.generation)
    assert token not in str(logs)


async def test_routes_are_known_before_the_first_request_comes(application: Application) -> None:
    refreshed = Fragile(failures=0)
    with application.refresh_routes.override(Object(refreshed)):
        async with at_work(application, works=False):
            assert refreshed.calls == 1


def a_call() -> InferenceUsage:
    now = SystemClock().now()
    actor = an_actor()
    assert actor.organization_id is not None
    return InferenceUsage(
        id=a_number(),
        request_id="asked",
        occurred_at=now,
        organization_id=actor.organization_id,
        provider_organization_id=actor.organization_id,
        outcome=Outcome.COMPLETE,
        user_id=actor.user_id,
        instance_id=InstanceId(a_number()),
        model_id=MOCK_MODEL,
        path="/v1/completions",
        streamed=False,
        status_code=200,
        input_tokens=1,
        output_tokens=1,
        total_tokens=2,
        ttft_ms=1,
        duration_ms=1,
    )


async def test_a_setting_that_changes_counts_at_once_in_every_process(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    admin = replace(an_actor(), permissions=GLOBAL_PERMISSIONS)
    effective = memory.effective_settings()
    async with at_work(application):
        assert await effective.stale_after() == timedelta(seconds=120)
        await application.change_global_setting()(WORKER_STALE, 30, actor=admin)
        async with asyncio.timeout(PATIENCE_S):
            while await effective.stale_after() != timedelta(seconds=30):  # noqa: ASYNC110
                await asyncio.sleep(0.001)


def the_operator() -> Actor:
    return replace(an_actor(role=None), permissions=GLOBAL_PERMISSIONS)


def command_of(memory: MemoryAdapters, kind: CommandKind) -> Command:
    commands = memory.database().table(Command).values()
    [command] = [command for command in commands if command.kind is kind]
    return command


async def test_what_is_triggered_is_carried_out_as_soon_as_it_is_told_of(
    application: Application, memory: MemoryAdapters, market: Market
) -> None:
    trigger = application.trigger_command()
    async with at_work(application):
        await asyncio.sleep(0.05)  # the first look finds nothing
        async with asyncio.timeout(background._COMMANDS_S / 2):  # noqa: SLF001 - before the next
            for kind in CommandKind:
                await trigger(kind, actor=the_operator())
            await eventually(lambda: all(command_of(memory, kind).ended_at for kind in CommandKind))
    assert command_of(memory, CommandKind.RECONCILE).state is CommandState.DONE


async def test_a_command_is_kept_for_as_long_as_it_takes_and_dropped_when_it_is_lost(
    application: Application, memory: MemoryAdapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewals, dropped = 0, asyncio.Event()

    async def for_ever(*_: Any, **__: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            dropped.set()

    async def renew(command: Command, **_: Any) -> None:
        nonlocal renewals
        renewals += 1
        if renewals == 1:
            raise ConnectionError
        if renewals > 3:
            raise CommandLost(command_id=command.id)
        assert not dropped.is_set()

    monkeypatch.setattr(background, "COMMAND_LEASE", timedelta(seconds=0.03))
    with (
        application.run_command.override(Object(for_ever)),
        application.renew_command.override(Object(renew)),
    ):
        await application.trigger_command()(CommandKind.RECONCILE, actor=the_operator())
        async with at_work(application):
            async with asyncio.timeout(PATIENCE_S):
                await dropped.wait()
            assert renewals == 4
    assert command_of(memory, CommandKind.RECONCILE).state is CommandState.RUNNING


async def test_a_command_that_breaks_down_is_logged_and_stays_for_somebody_else(
    application: Application, memory: MemoryAdapters
) -> None:
    broken = Fragile(failures=1_000)
    with capture_logs() as logs, application.run_command.override(Object(broken)):
        await application.trigger_command()(CommandKind.RECONCILE, actor=the_operator())
        async with at_work(application):
            await eventually(lambda: broken.calls)
            await asyncio.sleep(0.01)
    assert [entry["job"] for entry in logs if entry["event"] == "background_failed"] == ["commands"]
    assert command_of(memory, CommandKind.RECONCILE).state is CommandState.RUNNING
