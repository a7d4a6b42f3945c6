"""While it serves: is the machine still there, is the worker still well?"""

from inventiv_core.instances.entities import DeletionReason, InstanceStatus
from inventiv_core.orchestration.entities import AT_ONCE, Next
from inventiv_core.orchestration.use_cases.case import Case
from inventiv_core.orchestration.use_cases.starting import examine, is_well, look


async def watch(case: Case) -> Next:
    """Take the instance out of service when its worker falls silent, and back when it recovers."""
    machine = await look(case)
    if isinstance(machine, Next):
        return machine
    well = is_well(case, case.worker)
    if well and case.instance.status is InstanceStatus.UNAVAILABLE:
        return await examine(case)
    if not well and case.instance.status is InstanceStatus.READY:
        async with case.moment() as moment:
            if moment.instance.status is InstanceStatus.READY:
                after = moment.instance.enter(InstanceStatus.UNAVAILABLE, at=moment.now)
                await case.alter(moment, after, reason="the worker is silent or unwell")
    return Next(after=case.tools.patience.watch)


async def clean_up(case: Case) -> Next:
    """Give the machine of a failed start up, once it is too late for it to recover."""
    remaining = case.tools.patience.keep_failed - case.age
    if case.instance.status is InstanceStatus.STARTUP_FAILED and remaining.total_seconds() > 0:
        return Next(after=remaining)
    async with case.moment() as moment:
        if moment.instance.status is case.instance.status:
            ending = moment.instance.terminate(DeletionReason.STARTUP_FAILED, at=moment.now)
            await case.alter(moment, ending, reason="the start failed for good")
    return AT_ONCE
