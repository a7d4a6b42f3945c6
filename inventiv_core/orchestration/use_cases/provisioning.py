"""From nothing to a machine that was told to start."""

from dataclasses import replace

from inventiv_core.action_logs.entities import ActionLog, ActionType
from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    Created,
    CreateOutcome,
    Denied,
    Found,
    Machine,
    MachineNeeds,
    MachineOrder,
    RefusalReason,
    Refused,
    Throttled,
    Unknown,
)
from inventiv_core.finops.events import StopReason
from inventiv_core.instances.entities import DeletionReason, ErrorCode, InstanceStatus
from inventiv_core.orchestration.entities import AT_ONCE, NEVER, Next
from inventiv_core.orchestration.use_cases.case import Case, Desk, Moment, said

_REFUSALS = {
    RefusalReason.OUT_OF_STOCK: ErrorCode.PROVIDER_OUT_OF_STOCK,
    RefusalReason.QUOTA: ErrorCode.PROVIDER_CREATE_FAILED,
    RefusalReason.INVALID: ErrorCode.PROVIDER_CREATE_FAILED,
}


async def provision(case: Case) -> Next:
    """Rent the machine, unless it is rented already, and start it."""
    if case.overdue:
        return await abandon(case)
    match await case.cloud.find(case.tag, zone=case.particulars.zone):
        case Found(machines=machines):
            await case.present()
            machine = await case.keep_one(machines)
            await _adopt(case, machine)
            return await start(case, machine)
        case Absent():
            if await _may_create(case):
                return await _create(case)
            return Next(after=case.tools.patience.poll)
        case trouble:
            return case.trouble(trouble)


async def _may_create(case: Case) -> bool:
    """Tell whether it is certain that no machine of this instance is about to appear.

    Before the first request it is; after one, only when the provider has kept
    saying no for as long as a request may still be on its way.
    """
    async with case.moment() as moment:
        asked = await moment.work.action_logs.last(case.instance.id, ActionType.PROVIDER_CREATE)
        if asked is None:
            return True
        since = moment.instance.missing_since
        if since is None:
            after = moment.instance.change(missing_since=moment.now)
            await moment.work.instances.save(moment.instance, after, reason="")
            return False
        return moment.now - since >= case.tools.patience.settle


async def _create(case: Case) -> Next:
    names = case.particulars
    async with case.moment() as moment:
        if moment.instance.status is not InstanceStatus.PROVISIONING:
            return AT_ONCE
        setup = await case.setup(moment)
        needs = await _needs(case, moment)
        facts = {"zone": names.zone, "instance_type": names.instance_type}
        if await case.open_action(moment, ActionType.EXECUTE_CREATE) is None:
            await case.start_action(moment, ActionType.EXECUTE_CREATE, facts)
        log = await case.start_action(
            moment, ActionType.PROVIDER_CREATE, {**facts, "provider": names.provider_code}
        )
        if moment.instance.missing_since is not None:
            fresh = moment.instance.change(missing_since=None)
            await moment.work.instances.save(moment.instance, fresh, reason="")
    outcome = await case.cloud.create(
        MachineOrder(
            tag=case.tag,
            name=f"inventiv-{case.instance.id}",
            zone=names.zone,
            instance_type=names.instance_type,
            setup=setup,
            needs=needs,
        )
    )
    async with case.moment() as moment:
        return await _created(case, moment, log, outcome)


async def _needs(case: Case, moment: Moment) -> MachineNeeds:
    """Return what the machine needs, with room for this model."""
    return replace(case.tools.needs, data_volume_gb=await case.room_gb(moment))


async def _created(case: Case, moment: Moment, log: ActionLog, outcome: CreateOutcome) -> Next:
    match outcome:
        case Created(machine=machine):
            await _take(case, moment, machine, reason="rented")
            await case.succeed(moment, log, {"server_id": machine.id})
            return AT_ONCE
        case Refused(reason=reason, detail=detail):
            await case.fail(moment, log, code=_REFUSALS[reason], message=detail)
            return await _refuse(case, moment, _REFUSALS[reason], detail)
        case Denied() | Throttled() | Unknown():
            code = "PROVIDER_ANSWER_UNKNOWN" if isinstance(outcome, Unknown) else "PROVIDER_REFUSED"
            await case.fail(moment, log, code=code, message=said(outcome))
            return case.trouble(outcome)


async def _refuse(case: Desk, moment: Moment, code: ErrorCode, message: str) -> Next:
    """Say that there will be no machine; unless the end was asked for meanwhile."""
    await case.fail_open(moment, ActionType.EXECUTE_CREATE, code, message)
    if moment.instance.status is not InstanceStatus.PROVISIONING:
        return AT_ONCE
    failed = moment.instance.fail(
        InstanceStatus.PROVISIONING_FAILED, code=code, message=message, at=moment.now
    )
    await case.alter(moment, failed, reason=message)
    await case.close_interrupted(moment)
    return NEVER


async def refuse_unconfigured(case: Desk, message: str) -> Next | None:
    """Say that there is nobody to rent from; ``None`` if there may be a machine already."""
    async with case.moment() as moment:
        if not await case.may_be_rented(moment):
            return await _refuse(case, moment, ErrorCode.MISSING_PROVIDER_CREDENTIALS, message)
    return await abandon(case) if case.overdue else None


async def _take(case: Case, moment: Moment, machine: Machine, *, reason: str) -> None:
    """Record the instance's machine. One that it had before is gone."""
    gone = moment.instance.provider_instance_id
    if gone is not None and gone != machine.id:
        await case.note_rental_over(moment, gone, reason=StopReason.PROVIDER_DELETED)
    await case.note_rental(moment, machine)
    await case.note_storages(moment, machine)
    after = moment.instance.change(provider_instance_id=machine.id)
    await case.alter(moment, after, reason=reason)


async def _adopt(case: Case, machine: Machine) -> None:
    """Record a machine that was rented by someone who could not say so any more."""
    if case.instance.provider_instance_id == machine.id:
        return
    async with case.moment() as moment:
        await _take(case, moment, machine, reason="found by its tag")
        asked = await case.open_action(moment, ActionType.PROVIDER_CREATE)
        if asked is not None:
            await case.succeed(moment, asked, {"server_id": machine.id, "found_by_tag": True})
        await case.note(
            moment,
            ActionType.PERSIST_PROVIDER_ID,
            {"server_id": machine.id, "found_by_tag": True},
        )


async def start(case: Case, machine: Machine) -> Next:
    """Power the machine on; from here on the instance is booting."""
    async with case.moment() as moment:
        if moment.instance.status not in {InstanceStatus.PROVISIONING, InstanceStatus.BOOTING}:
            return AT_ONCE
        log = await case.start_action(
            moment, ActionType.PROVIDER_START, {"zone": machine.zone, "server_id": machine.id}
        )
    outcome = await case.cloud.start(machine.id, zone=machine.zone)
    async with case.moment() as moment:
        match outcome:
            case Accepted():
                if moment.instance.status is InstanceStatus.PROVISIONING:
                    booting = moment.instance.boot(at=moment.now)
                    await case.alter(moment, booting, reason="powered on")
                await case.succeed(moment, log)
                return Next(after=case.tools.patience.poll)
            case Absent():
                await case.fail(
                    moment, log, code="PROVIDER_START_FAILED", message="The machine is not there."
                )
                return Next(after=case.tools.patience.poll, trouble=True)
            case Denied() | Throttled() | Unknown():
                await case.fail(moment, log, code="PROVIDER_START_FAILED", message=said(outcome))
                return case.trouble(outcome)


async def abandon(case: Desk) -> Next:
    """Give up on renting. There may be a machine all the same: it has to be looked for."""
    message = "No machine was up in time."
    async with case.moment() as moment:
        if moment.instance.status is not InstanceStatus.PROVISIONING:
            return AT_ONCE
        ending = moment.instance.terminate(
            DeletionReason.PROVIDER_START_TIMEOUT,
            at=moment.now,
            failed_at=moment.now,
            error_code=ErrorCode.PROVIDER_START_TIMEOUT,
            error_message=message,
        )
        await case.alter(moment, ending, reason=message)
        await case.fail_open(
            moment, ActionType.EXECUTE_CREATE, ErrorCode.PROVIDER_START_TIMEOUT, message
        )
    return AT_ONCE
