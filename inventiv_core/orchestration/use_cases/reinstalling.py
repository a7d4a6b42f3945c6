"""A machine that starts anew, without another one being rented."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    Denied,
    Machine,
    Throttled,
    Unknown,
)
from inventiv_core.cloud.errors import CloudNotConfigured
from inventiv_core.cloud.ports import Clouds, ReinstallsMachines
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import ErrorCode, Instance, InstanceId, InstanceStatus
from inventiv_core.instances.errors import (
    InstanceNotFound,
    NothingToReinstall,
    ReinstallNotPossible,
    ReinstallNotSupported,
    ReinstallTooLate,
)
from inventiv_core.instances.events import ReinstallRequested
from inventiv_core.instances.use_cases import change
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import SecretsKeyMissing, SecretUnreadable
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.orchestration.entities import AT_ONCE, Next
from inventiv_core.orchestration.ports import OrchestrationWork, SituationQueries
from inventiv_core.orchestration.use_cases.case import Case
from inventiv_core.workers.ports import WorkerTokens
from inventiv_core.workers.use_cases.tokens import retire

_OVER: Final = frozenset({InstanceStatus.TERMINATED, InstanceStatus.ARCHIVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstallInstance:
    """Have the machine of an instance start anew. Safe to repeat."""

    unit_of_work: UnitOfWork[OrchestrationWork]
    situation_queries: SituationQueries
    clouds: Clouds
    worker_tokens: WorkerTokens
    clock: Clock
    new_id: NewId
    orchestrator_is_external: bool = False
    """Whether others do it: what its provider can do, and its tokens, are theirs then."""

    async def __call__(self, instance_id: InstanceId, *, actor: Actor) -> None:
        """Take it out of service; it comes back as after its first start, by the same deadlines.

        Refusals are in the action log, too.

        Raises:
            InstanceNotFound: There is no such instance in the actor's organization.
            ReinstallTooLate: It is over.
            ReinstallNotPossible: It is about to be over, or on its way to the first start.
            NothingToReinstall: There is no machine yet, or none that can be reached.
            ReinstallNotSupported: Its provider cannot do that.
            CloudNotConfigured: There are no credentials to ask it with.
        """
        owner = actor.must_in_organization(Permission.MANAGE_INSTANCES)
        situation = await self.situation_queries.find(instance_id)
        if situation is None or situation.instance.organization_id != owner:
            raise InstanceNotFound(instance_id=instance_id)
        provider_code = situation.particulars.provider_code
        inability = None
        if not self.orchestrator_is_external:
            inability = await self._inability(situation.instance, provider_code)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            instance = await work.instances.lock(instance_id, owner=owner)
            log = ActionLog.begin(
                ActionType.REQUEST_REINSTALL,
                id=ActionLogId(self.new_id()),
                actor=actor,
                organization_id=owner,
                instance_id=instance_id,
                at=now,
                status_before=instance.status,
                metadata={"instance_id": str(instance_id)},
            )
            refusal = _refusal(instance) or inability
            if refusal is not None:
                code, facts = refusal.code, _facts(instance, refusal)
                failed = log.fail(code=code, message=str(refusal), at=now, metadata=facts)
                await record(failed, work)
            elif instance.is_to_reinstall:
                known = {"already_requested": True}
                await record(
                    log.succeed(at=now, status_after=instance.status, metadata=known), work
                )
            else:
                after = instance.reinstall(at=now)
                if self.orchestrator_is_external:
                    after = replace(after, is_to_reinstall=False, life=instance.life)
                else:
                    await retire(instance_id, work, self.worker_tokens, at=now)
                await change(instance, after, work, reason="reinstall requested", at=now)
                await work.leases.schedule(instance_id, at=now)
                await work.outbox.add(
                    ReinstallRequested(
                        instance_id=instance_id,
                        organization_id=owner,
                        correlation_id=log.id,
                        occurred_at=now,
                    )
                )
                await record(log.succeed(at=now, status_after=after.status), work)
        if refusal is not None:
            raise refusal

    async def _inability(self, instance: Instance, provider_code: str) -> DomainError | None:
        """Return why the provider cannot be asked to, if it cannot."""
        try:
            cloud = await self.clouds.of(provider_code, organization_id=instance.organization_id)
        except (CloudNotConfigured, SecretsKeyMissing, SecretUnreadable) as error:
            return error
        if isinstance(cloud, ReinstallsMachines):
            return None
        return ReinstallNotSupported(instance_id=instance.id, provider_code=provider_code)


def _refusal(instance: Instance) -> DomainError | None:
    """Return why this instance cannot be reinstalled as it stands, if it cannot."""
    if instance.status in _OVER:
        return ReinstallTooLate(instance_id=instance.id, status=instance.status)
    if instance.status is InstanceStatus.TERMINATING:
        return ReinstallNotPossible(instance_id=instance.id, status=instance.status)
    if instance.provider_instance_id is None or instance.ip_address is None:
        return NothingToReinstall(
            instance_id=instance.id,
            provider_instance_id_present=instance.provider_instance_id is not None,
            ip_address_present=instance.ip_address is not None,
        )
    if not instance.can_reinstall:
        return ReinstallNotPossible(instance_id=instance.id, status=instance.status)
    return None


def _facts(instance: Instance, refusal: DomainError) -> Mapping[str, Any]:
    """Return what the action log says beside the refusal. Clients know these names."""
    match refusal:
        case NothingToReinstall(
            provider_instance_id_present=has_machine, ip_address_present=has_address
        ):
            return {"provider_instance_id_present": has_machine, "ip_address_present": has_address}
        case _:
            return {"status": str(instance.status)}


async def reinstall(case: Case, machine: Machine) -> Next:
    """Have the machine start anew, with secrets that what ran there before does not know.

    Whoever takes over from somebody who was cut off has it done again: that is no other machine.
    """
    if not isinstance(case.cloud, ReinstallsMachines):
        return await case.give_up(
            ErrorCode.REINSTALL_NOT_SUPPORTED, "The provider cannot reinstall machines."
        )
    async with case.moment() as moment:
        if not _is_wanted(moment.instance):
            return AT_ONCE
        if await case.open_action(moment, ActionType.EXECUTE_REINSTALL) is None:
            facts = {"zone": machine.zone, "server_id": machine.id}
            await case.start_action(moment, ActionType.EXECUTE_REINSTALL, facts)
        setup = await case.setup(moment)
    outcome = await case.cloud.reinstall(machine.id, zone=machine.zone, setup=setup)
    async with case.moment() as moment:
        match outcome:
            case Accepted():
                if _is_wanted(moment.instance):
                    after = moment.instance.reinstalling(at=moment.now)
                    await case.alter(moment, after, reason="")
                return Next(after=case.tools.patience.poll)
            case Absent():
                return Next(after=case.tools.patience.poll, trouble=True)
            case Denied() | Throttled() | Unknown():
                return case.trouble(outcome)


def _is_wanted(instance: Instance) -> bool:
    return instance.status is InstanceStatus.BOOTING and instance.is_to_reinstall
