"""From a machine that is to go to one that is gone."""

from dataclasses import replace
from datetime import timedelta

from inventiv_core.action_logs.entities import ActionStatus, ActionType
from inventiv_core.cloud.entities import Absent, Found, MachineState
from inventiv_core.finops.entities.leaks import LeakReason
from inventiv_core.finops.use_cases.rentals import conclude_rentals
from inventiv_core.instances.entities import DeletionReason, ErrorCode, InstanceStatus
from inventiv_core.orchestration.entities import AT_ONCE, NEVER, Next
from inventiv_core.orchestration.use_cases.case import Case, Desk, Moment
from inventiv_core.storages.use_cases import conclude_storages
from inventiv_core.workers.entities import engine_url


async def drain(case: Desk) -> Next:
    """Wait until what runs on the machine has ended, for so long at most; then have it go."""
    has_had_enough = case.age >= case.tools.patience.drain
    if not has_had_enough and await _is_busy(case):
        return Next(after=case.tools.patience.poll)
    async with case.moment() as moment:
        if moment.instance.status is InstanceStatus.DRAINING:
            ending = moment.instance.terminate(DeletionReason.REQUESTED, at=moment.now)
            reason = "its calls had long enough" if has_had_enough else "nothing runs on it"
            await case.alter(moment, ending, reason=reason)
    return AT_ONCE


async def _is_busy(case: Desk) -> bool:
    """Tell whether calls run on the machine, or may: not every engine says so."""
    if case.age < case.tools.patience.told:
        return True
    worker, address = case.worker, case.instance.ip_address
    if worker is None or address is None:
        return False
    url, key = engine_url(address, worker.vllm_port), case.engine_key(case.instance)
    return await case.tools.engine_probe.under_way(url, key=key) != 0


async def terminate(case: Case) -> Next:
    """Have every machine deleted; believe that it is when the provider says so twice."""
    await _announce(case)
    match await case.cloud.find(case.tag, zone=case.particulars.zone):
        case Found(machines=machines):
            await case.present()
            after = Next(after=case.tools.patience.poll)
            for machine in machines:
                if machine.state is not MachineState.STOPPING:
                    after = await case.delete(machine, reason=LeakReason.TERMINATED)
            return after
        case Absent():
            if not await case.missing(apart=await _wait_for_orders(case)):
                return Next(after=case.tools.patience.confirm)
            return await _conclude(case)
        case trouble:
            return case.trouble(trouble)


async def _wait_for_orders(case: Case) -> timedelta:
    """Return how long the provider must go on saying no: an order may still be on its way."""
    async with case.moment() as moment:
        asked = await moment.work.action_logs.last(case.instance.id, ActionType.PROVIDER_CREATE)
    patience = case.tools.patience
    is_settled = asked is None or asked.status is ActionStatus.SUCCESS
    return patience.confirm if is_settled else max(patience.settle, patience.confirm)


async def conclude_unrented(case: Desk) -> Next | None:
    """End an instance that never had a machine; ``None`` if there may be one."""
    async with case.moment() as moment:
        if await case.may_be_rented(moment):
            return None
    return await _conclude(case)


async def _announce(case: Case) -> None:
    async with case.moment() as moment:
        last = await moment.work.action_logs.last(case.instance.id, ActionType.EXECUTE_TERMINATE)
        if last is None:
            await case.start_action(moment, ActionType.EXECUTE_TERMINATE)
        for action in (ActionType.EXECUTE_CREATE, ActionType.EXECUTE_REINSTALL):
            await case.fail_open(moment, action, ErrorCode.CANCELLED, "Termination was asked for.")


async def _conclude(case: Desk) -> Next:
    async with case.moment() as moment:
        if moment.instance.status is not InstanceStatus.TERMINATING:
            return AT_ONCE
        by_provider = moment.instance.deleted_by_provider
        gone = moment.instance.gone(at=moment.now, by_provider=by_provider)
        await case.alter(moment, gone, reason="the provider confirmed it")
        await conclude_storages(gone.id, moment.work, at=moment.now)
        await moment.work.leaks.end(gone.id, machine_id=None, at=moment.now)
        await conclude_rentals(gone, moment.work, at=moment.now, new_id=case.tools.new_id)
        await case.close_interrupted(moment)
        facts = {"provider_instance_id": gone.provider_instance_id}
        await case.note(moment, ActionType.TERMINATION_CONFIRMED, facts)
        await case.note(moment, ActionType.INSTANCE_TERMINATED, facts)
        executed = await case.open_action(moment, ActionType.EXECUTE_TERMINATE)
        if executed is not None:
            await case.succeed(moment, executed)
        await _dismiss_worker(case, moment)
    return NEVER


async def _dismiss_worker(case: Desk, moment: Moment) -> None:
    """Forget the worker, and take its token back."""
    await moment.work.workers.forget(case.instance.id)
    token = await moment.work.worker_tokens.find(case.instance.id)
    if token is not None and token.revoked_at is None:
        await moment.work.worker_tokens.put(replace(token, revoked_at=moment.now))
