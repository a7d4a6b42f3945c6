"""What can go wrong with workers."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.errors import Conflict, NotFound, RuleBroken, Unauthenticated


@dataclass(eq=False, kw_only=True)
class WorkerTokenInvalid(Unauthenticated):
    """The worker's token is missing, wrong, or revoked."""


@dataclass(eq=False, kw_only=True)
class TokenAlreadyExists(Conflict):
    """The instance's token has been given out already: only the worker that has it may register."""

    kind = "token_already_exists_or_race"


@dataclass(eq=False, kw_only=True)
class WorkerInstanceNotFound(NotFound):
    """There is no such instance, or it is over."""

    kind = "instance_not_found"

    instance_id: UUID


@dataclass(eq=False, kw_only=True)
class WorkerStatusUnknown(RuleBroken):
    """A worker is starting, ready or draining."""

    status: str


@dataclass(eq=False, kw_only=True)
class MetadataTooLarge(RuleBroken):
    """The worker says more of itself than is kept."""

    size_bytes: int
    limit_bytes: int
