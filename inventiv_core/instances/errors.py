"""What can go wrong with instances."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class InstanceNotFound(NotFound):
    """There is no such instance in this organization."""

    instance_id: UUID


@dataclass(eq=False, kw_only=True)
class NotTerminated(Invalid):
    """Only an instance that is terminated can be archived: terminate it first."""

    instance_id: UUID
    status: str


@dataclass(eq=False, kw_only=True)
class ReinstallTooLate(Invalid):
    """An instance that is over cannot be reinstalled."""

    instance_id: UUID
    status: str


@dataclass(eq=False, kw_only=True)
class NothingToReinstall(Invalid):
    """The instance has no machine that can be reached yet."""

    instance_id: UUID
    provider_instance_id_present: bool
    ip_address_present: bool


@dataclass(eq=False, kw_only=True)
class ReinstallNotPossible(Conflict):
    """The instance cannot be reinstalled in its present status."""

    instance_id: UUID
    status: str


@dataclass(eq=False, kw_only=True)
class ReinstallNotSupported(Conflict):
    """The provider of this instance cannot reinstall machines: terminate it, and deploy another."""

    instance_id: UUID
    provider_code: str


@dataclass(eq=False, kw_only=True)
class TransitionNotAllowed(Conflict):
    """An instance cannot go from the one status to the other."""

    from_status: str
    to_status: str


@dataclass(eq=False, kw_only=True)
class InstanceChangedMeanwhile(Conflict):
    """Someone else changed the instance in the meantime: look again."""

    instance_id: UUID


@dataclass(eq=False, kw_only=True)
class LeaseLost(Conflict):
    """Another worker has taken over the instance."""

    instance_id: UUID
