"""From a machine that was told to start to one that serves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from inventiv_core.action_logs.entities import ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.cloud.entities import Absent, Accepted, Found, Machine, MachineState
from inventiv_core.cloud.ports import ForgetsSetups
from inventiv_core.instances.entities import DeletionReason, ErrorCode, Instance, InstanceStatus
from inventiv_core.orchestration.entities import AT_ONCE, Next
from inventiv_core.orchestration.use_cases.case import Case, Moment
from inventiv_core.orchestration.use_cases.provisioning import start
from inventiv_core.orchestration.use_cases.reinstalling import reinstall
from inventiv_core.workers.entities import Worker, WorkerStatus, engine_url

_GONE = "The machine disappeared at the provider."


async def look(case: Case) -> Machine | Next:
    """Return the instance's machine as the provider sees it, or what to do without."""
    match await case.cloud.find(case.tag, zone=case.particulars.zone):
        case Found(machines=machines) if case.knows_one_of(machines):
            await case.present()
            return await case.keep_one(machines)
        case Found() | Absent():  # a double of a machine that is gone was never set up
            if not await case.missing(apart=case.tools.patience.confirm):
                return Next(after=case.tools.patience.confirm)
            if await case.doubted():
                return Next(after=case.tools.patience.watch, trouble=True)
            return await _vanished(case)
        case trouble:
            return case.trouble(trouble)


async def _vanished(case: Case) -> Next:
    """Say that the provider took the machine away."""
    async with case.moment() as moment:
        if moment.instance.status is not case.instance.status:
            return AT_ONCE
        log = case.begin(
            moment,
            ActionType.PROVIDER_DELETED_DETECTED,
            {"provider_instance_id": moment.instance.provider_instance_id},
        )
        ending = moment.instance.terminate(
            DeletionReason.PROVIDER_DELETED, at=moment.now, deleted_by_provider=True
        )
        await case.alter(moment, ending, reason=_GONE)
        await record(log.succeed(at=moment.now, status_after=ending.status), moment.work)
    return AT_ONCE


async def boot(case: Case) -> Next:
    """Wait until the machine runs and can be reached."""
    if case.overdue:
        return await case.give_up(ErrorCode.STARTUP_TIMEOUT, "The machine did not boot in time.")
    machine = await look(case)
    if isinstance(machine, Next):
        return machine
    if case.instance.is_to_reinstall or machine.state is MachineState.STOPPED:
        begin = reinstall if case.instance.is_to_reinstall else start
        return await begin(case, machine)
    if machine.state is not MachineState.RUNNING or machine.ip_address is None:
        return Next(after=case.tools.patience.poll)
    async with case.moment() as moment:
        if moment.instance.status is not InstanceStatus.BOOTING:
            return AT_ONCE
        after = moment.instance.enter(
            InstanceStatus.INSTALLING,
            at=moment.now,
            ip_address=machine.ip_address,
            provider_instance_id=machine.id,
        )
        await case.alter(moment, after, reason="running")
        await case.note_storages(moment, machine)
        facts = {"server_id": machine.id, "ip_address": machine.ip_address}
        await case.note(moment, ActionType.PROVIDER_GET_IP, {"zone": machine.zone, **facts})
        await case.note(moment, ActionType.INSTANCE_CREATED, facts)
    return AT_ONCE


async def install(case: Case) -> Next:
    """Wait until the agent on the machine has reported for duty."""
    if case.overdue:
        return await case.give_up(ErrorCode.STARTUP_TIMEOUT, "No worker reported in time.")
    machine = await look(case)
    if isinstance(machine, Next):
        return machine
    if case.worker is None:
        return Next(after=5 * case.tools.patience.poll)  # its registration wakes us earlier
    trouble = await _forget_setup(case, machine)
    if trouble is not None:
        return trouble
    async with case.moment() as moment:
        if moment.instance.status is not InstanceStatus.INSTALLING:
            return AT_ONCE
        after = moment.instance.enter(InstanceStatus.STARTING, at=moment.now)
        await case.alter(moment, after, reason="the worker reported")
    return AT_ONCE


async def _forget_setup(case: Case, machine: Machine) -> Next | None:
    """Have the provider forget what the machine was told: it knows now, and nobody else should."""
    if not isinstance(case.cloud, ForgetsSetups):
        return None
    match await case.cloud.forget_setup(machine.id, zone=machine.zone):
        case Accepted() | Absent():
            return None
        case trouble:
            return case.trouble(trouble)


async def load(case: Case) -> Next:
    """Wait until the engine serves the model, and see for ourselves that it does."""
    if case.overdue:
        return await case.give_up(ErrorCode.STARTUP_TIMEOUT, "The model was not loaded in time.")
    machine = await look(case)
    if isinstance(machine, Next):
        return machine
    if not is_well(case, case.worker):
        return Next(after=5 * case.tools.patience.poll)  # its next heartbeat wakes us earlier
    return await examine(case)


def is_well(case: Case, worker: Worker | None) -> bool:
    """Tell whether the worker says, and said lately, that it serves the right model."""
    return (
        worker is not None
        and worker.status is WorkerStatus.READY
        and worker.is_fresh(case.tools.clock.now(), stale_after=case.tools.patience.stale_after)
        and worker.model_id in {None, case.particulars.model_id}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried on an engine."""

    action: ActionType
    passed: bool
    began_at: datetime
    ended_at: datetime


async def examine(case: Case) -> Next:
    """Ask the engine for its models and for one token; let it serve if it can do both."""
    worker, address = case.worker, case.instance.ip_address
    if worker is None or address is None:
        return Next(after=case.tools.patience.poll)
    findings = await _try_out(case, engine_url(address, worker.vllm_port))
    facts = {"ip": address, "vllm_port": worker.vllm_port, "model_id": case.particulars.model_id}
    async with case.moment() as moment:
        if moment.instance.status is not case.instance.status:
            return AT_ONCE
        for finding in findings:
            await _note(case, moment, finding, facts)
        if not all(finding.passed for finding in findings):
            return Next(after=case.tools.patience.poll, trouble=True)
        serving = _serve(moment.instance, case)
        await case.alter(moment, serving, reason="healthy")
        await case.note(moment, ActionType.INSTANCE_READY)
        for action in (ActionType.EXECUTE_CREATE, ActionType.EXECUTE_REINSTALL):
            executed = await case.open_action(moment, action)
            if executed is not None:
                await case.succeed(moment, executed)
        await case.close_interrupted(moment)
    return Next(after=case.tools.patience.watch)


async def _try_out(case: Case, url: str) -> list[Finding]:
    """Try one thing after the other, up to the first that fails."""
    clock, model_id = case.tools.clock, case.particulars.model_id
    key = case.engine_key(case.instance)
    began_at = clock.now()
    models = await case.tools.engine_probe.models(url, key=key)
    listed_at = clock.now()
    findings = [
        Finding(
            action=ActionType.WORKER_VLLM_HTTP_OK,
            passed=models is not None,
            began_at=began_at,
            ended_at=listed_at,
        )
    ]
    if models is None:
        return findings
    loaded = model_id in models
    findings.append(
        Finding(
            action=ActionType.WORKER_MODEL_LOADED,
            passed=loaded,
            began_at=began_at,
            ended_at=listed_at,
        )
    )
    if loaded:
        warm = await case.tools.engine_probe.warm_up(url, model_id, key=key)
        warm_at = clock.now()
        findings.append(
            Finding(
                action=ActionType.WORKER_VLLM_WARMUP,
                passed=warm,
                began_at=listed_at,
                ended_at=warm_at,
            )
        )
        if warm:
            findings.append(
                Finding(
                    action=ActionType.HEALTH_CHECK, passed=warm, began_at=began_at, ended_at=warm_at
                )
            )
    return findings


async def _note(case: Case, moment: Moment, finding: Finding, facts: Mapping[str, object]) -> None:
    """Record what was tried, and how long it took."""
    log = replace(case.begin(moment, finding.action, facts), created_at=finding.began_at)
    if finding.passed:
        ended = log.succeed(at=finding.ended_at, status_after=moment.instance.status)
    else:
        ended = log.fail(
            code=finding.action,
            message="The engine did not do this yet.",
            at=finding.ended_at,
            status_after=moment.instance.status,
        )
    await record(ended, moment.work)


def _serve(instance: Instance, case: Case) -> Instance:
    now = case.tools.clock.now()
    return instance.enter(
        InstanceStatus.READY,
        at=now,
        ready_at=now,
        failed_at=None,
        error_code=None,
        error_message=None,
    )
