"""An instance: a machine we rent to serve one model, and the states it goes through."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NewType, Self
from uuid import UUID

from inventiv_core.catalog.entities import InstanceTypeId, ProviderId, ZoneId
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.errors import TransitionNotAllowed
from inventiv_core.models.entities import ModelId

InstanceId = NewType("InstanceId", UUID)


class InstanceStatus(StrEnum):
    """Where an instance stands. Clients know these words, and sort by this order."""

    PROVISIONING = "provisioning"
    """A machine is wanted, or rented and not yet powered on."""
    BOOTING = "booting"
    """The machine was told to start."""
    INSTALLING = "installing"
    """The machine runs and can be reached; the software on it is being put in place."""
    STARTING = "starting"
    """The agent has reported; the engine is loading the model."""
    UNAVAILABLE = "unavailable"
    """It was ready, and its worker is silent or unwell."""
    READY = "ready"
    """It serves."""
    DRAINING = "draining"
    """It finishes what it has, and takes no more."""
    TERMINATED = "terminated"
    """The provider has confirmed that the machine is gone."""
    FAILED = "failed"
    """It cannot go on."""
    STARTUP_FAILED = "startup_failed"
    """It did not get ready in time. The machine may still be there, and is given up later."""
    TERMINATING = "terminating"
    """The machine is to go; the provider has not confirmed it yet."""
    PROVISIONING_FAILED = "provisioning_failed"
    """No machine was rented, definitely."""
    ARCHIVED = "archived"
    """Gone, and put out of sight."""


_S = InstanceStatus

TRANSITIONS: Final[Mapping[InstanceStatus, frozenset[InstanceStatus]]] = MappingProxyType({
    _S.PROVISIONING:        frozenset({_S.BOOTING, _S.PROVISIONING_FAILED, _S.TERMINATING}),
    _S.BOOTING:             frozenset({_S.INSTALLING, _S.STARTUP_FAILED, _S.TERMINATING}),
    _S.INSTALLING:          frozenset({_S.STARTING, _S.BOOTING, _S.STARTUP_FAILED, _S.TERMINATING}),
    _S.STARTING:            frozenset({_S.READY, _S.BOOTING, _S.STARTUP_FAILED, _S.TERMINATING}),
    _S.READY:               frozenset({_S.UNAVAILABLE, _S.DRAINING, _S.BOOTING, _S.TERMINATING}),
    _S.UNAVAILABLE:         frozenset({_S.READY, _S.BOOTING, _S.TERMINATING}),
    _S.DRAINING:            frozenset({_S.TERMINATING}),
    _S.STARTUP_FAILED:      frozenset({_S.BOOTING, _S.TERMINATING}),
    _S.FAILED:              frozenset({_S.BOOTING, _S.TERMINATING}),
    _S.PROVISIONING_FAILED: frozenset({_S.TERMINATING}),
    _S.TERMINATING:         frozenset({_S.TERMINATED}),
    _S.TERMINATED:          frozenset({_S.ARCHIVED}),
    _S.ARCHIVED:            frozenset(),
})  # fmt: skip
"""Every change of status there may be. To terminate what is terminating is no change."""

STARTING_UP: Final = frozenset({_S.PROVISIONING, _S.BOOTING, _S.INSTALLING, _S.STARTING})
"""On the way to ready: each of these has a deadline."""

WITH_MACHINE: Final = frozenset(
    {_S.BOOTING, _S.INSTALLING, _S.STARTING, _S.READY, _S.UNAVAILABLE, _S.DRAINING}
)
"""There should be a machine."""

REINSTALLABLE: Final = frozenset(
    {_S.BOOTING, _S.INSTALLING, _S.STARTING, _S.READY, _S.UNAVAILABLE, _S.STARTUP_FAILED, _S.FAILED}
)
"""There was a first start, and the end is not near."""

AT_REST: Final = frozenset({_S.TERMINATED, _S.PROVISIONING_FAILED, _S.ARCHIVED})
"""Nothing is rented and nothing is left to do."""

GOING: Final = frozenset({_S.DRAINING, _S.TERMINATING})
"""Somebody wants it to end, and it will."""


class ErrorCode(StrEnum):
    """Why an instance failed. Clients know these codes."""

    MISSING_PROVIDER_CREDENTIALS = "MISSING_PROVIDER_CREDENTIALS"
    PROVIDER_OUT_OF_STOCK = "PROVIDER_OUT_OF_STOCK"
    PROVIDER_CREATE_FAILED = "PROVIDER_CREATE_FAILED"
    PROVIDER_START_TIMEOUT = "PROVIDER_START_TIMEOUT"
    STARTUP_TIMEOUT = "STARTUP_TIMEOUT"
    REINSTALL_NOT_SUPPORTED = "REINSTALL_NOT_SUPPORTED"
    INTERRUPTED = "INTERRUPTED"
    """Of an action, not of an instance: whoever began it is gone."""
    CANCELLED = "CANCELLED"
    """Of an action, not of an instance: termination was asked for."""


class DeletionReason(StrEnum):
    """Why an instance came to its end."""

    REQUESTED = "requested"
    PROVIDER_DELETED = "provider_deleted"
    PROVIDER_START_TIMEOUT = "provider_start_timeout_cleanup"
    STARTUP_FAILED = "startup_failed_cleanup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A machine we rent, or are about to, to serve one model for one organization."""

    id: InstanceId
    organization_id: OrganizationId
    provider_id: ProviderId
    zone_id: ZoneId
    instance_type_id: InstanceTypeId
    model_id: ModelId
    status: InstanceStatus
    status_since: datetime
    """When it entered its status: deadlines count from here."""
    version: int
    """Counts the changes, so that nobody overwrites what they have not seen."""
    provider_instance_id: str | None
    """The provider's name for the machine, once there is one."""
    ip_address: str | None
    created_at: datetime
    boot_started_at: datetime | None
    ready_at: datetime | None
    failed_at: datetime | None
    """When its start failed first, if it has not got ready since."""
    terminated_at: datetime | None
    missing_since: datetime | None
    """When the provider first said, definitely, that the machine is not there."""
    error_code: str | None
    error_message: str | None
    deletion_reason: str | None
    deleted_by_provider: bool
    is_archived: bool
    is_to_reinstall: bool = False
    """The machine is to start anew, and nobody has told the provider so yet."""
    life: int = 1
    """Counts from when its machine is rented how often that is set up: what is secret between the
    gateway and the engine is another in each."""

    @classmethod
    def request(
        cls,
        *,
        id: InstanceId,
        organization_id: OrganizationId,
        provider_id: ProviderId,
        zone_id: ZoneId,
        instance_type_id: InstanceTypeId,
        model_id: ModelId,
        at: datetime,
    ) -> Self:
        """Want a machine. Nothing is rented yet."""
        return cls(
            id=id,
            organization_id=organization_id,
            provider_id=provider_id,
            zone_id=zone_id,
            instance_type_id=instance_type_id,
            model_id=model_id,
            status=InstanceStatus.PROVISIONING,
            status_since=at,
            version=1,
            provider_instance_id=None,
            ip_address=None,
            created_at=at,
            boot_started_at=None,
            ready_at=None,
            failed_at=None,
            terminated_at=None,
            missing_since=None,
            error_code=None,
            error_message=None,
            deletion_reason=None,
            deleted_by_provider=False,
            is_archived=False,
        )

    def change(self, **facts: Any) -> Self:
        """Return the instance with other facts and the next version; the status stays."""
        return replace(self, version=self.version + 1, **facts)

    def enter(self, status: InstanceStatus, *, at: datetime, **facts: Any) -> Self:
        """Return the instance in another status.

        Raises:
            TransitionNotAllowed: The table above does not have it.
        """
        if status not in TRANSITIONS[self.status]:
            raise TransitionNotAllowed(from_status=self.status, to_status=status)
        return self.change(status=status, status_since=at, **facts)

    def boot(self, *, at: datetime) -> Self:
        """Say that the machine was told to start."""
        return self.enter(
            InstanceStatus.BOOTING,
            at=at,
            boot_started_at=at,
            error_code=None,
            error_message=None,
            failed_at=None,
        )

    @property
    def may_be_late(self) -> bool:
        """Whether it deserves one more chance: its start ran out of time, for the first time."""
        return (
            self.status is InstanceStatus.STARTUP_FAILED
            and self.error_code == ErrorCode.STARTUP_TIMEOUT
            and self.failed_at == self.status_since
        )

    def boot_again(self, *, at: datetime) -> Self:
        """Give it one more chance, and remember that it has had it."""
        return replace(self.boot(at=at), failed_at=self.failed_at)

    def fail(self, status: InstanceStatus, *, code: ErrorCode, message: str, at: datetime) -> Self:
        """Say that it will not get ready, and why."""
        return self.enter(
            status,
            at=at,
            failed_at=self.failed_at or at,
            error_code=code,
            error_message=message,
            is_to_reinstall=False,
        )

    @property
    def can_reinstall(self) -> bool:
        """Whether its machine may start anew."""
        return self.status in REINSTALLABLE

    def reinstall(self, *, at: datetime) -> Self:
        """Say that its machine is to start anew: from now on it is booting.

        Raises:
            TransitionNotAllowed: There was no first start, or the end is near.
        """
        if self.status is InstanceStatus.BOOTING:
            return self.change(
                is_to_reinstall=True,
                life=self.life + 1,
                status_since=at,
                boot_started_at=at,
                error_code=None,
                error_message=None,
                failed_at=None,
            )
        return replace(self.boot(at=at), is_to_reinstall=True, life=self.life + 1)

    def reinstalling(self, *, at: datetime) -> Self:
        """Say that the provider does it: only what is heard from now on is of the new start."""
        return self.change(is_to_reinstall=False, status_since=at, boot_started_at=at)

    def drain(self, reason: DeletionReason, *, at: datetime) -> Self:
        """Say that it is to go when what runs on it has ended."""
        return self.enter(
            InstanceStatus.DRAINING, at=at, deletion_reason=self.deletion_reason or reason
        )

    def terminate(self, reason: DeletionReason, *, at: datetime, **facts: Any) -> Self:
        """Say that the machine is to go."""
        return self.enter(
            InstanceStatus.TERMINATING,
            at=at,
            missing_since=None,
            deletion_reason=self.deletion_reason or reason,
            **facts,
        )

    def gone(self, *, at: datetime, by_provider: bool = False) -> Self:
        """Say that the provider has confirmed the end, twice."""
        reason = DeletionReason.PROVIDER_DELETED if by_provider else DeletionReason.REQUESTED
        return self.enter(
            InstanceStatus.TERMINATED,
            at=at,
            terminated_at=at,
            deleted_by_provider=by_provider,
            deletion_reason=self.deletion_reason or reason,
        )

    def archive(self, *, at: datetime) -> Self:
        """Put it out of sight."""
        return self.enter(InstanceStatus.ARCHIVED, at=at, is_archived=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one instance for a while, alone."""

    instance_id: InstanceId
    token: int
    """The fencing token: grows with every claim, so that a result that comes late is refused."""
    until: datetime
    attempts: int
    """Claims in a row that ended in trouble: what back-off is counted from."""


_PERCENT_BEFORE_WORKER: Final[Mapping[InstanceStatus, int]] = MappingProxyType(
    {_S.BOOTING: 30, _S.INSTALLING: 50, _S.STARTING: 70, _S.READY: 100}
)


def progress_percent(
    status: InstanceStatus,
    *,
    has_machine: bool,
    has_address: bool,
    model_loaded: bool,
) -> int:
    """Return how far a start-up is, from 0 to 100, by the steps of the present start only.

    The figures are those that clients of the API know: 20 when the machine is rented,
    40 when its address is known, 80 when the model is listed. What is not on the way is 0.
    """
    match status:
        case InstanceStatus.PROVISIONING:
            return 20 if has_machine else 5
        case InstanceStatus.BOOTING if has_address:
            return 40
        case InstanceStatus.STARTING if model_loaded:
            return 80
        case _:
            return _PERCENT_BEFORE_WORKER.get(status, 0)
