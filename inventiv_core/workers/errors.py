"""What can go wrong with workers."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.errors import (
    Conflict,
    NotFound,
    RuleBroken,
    Unauthenticated,
    Unavailable,
    Upstream,
)


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


@dataclass(eq=False, kw_only=True)
class MetadataTooDeep(RuleBroken):
    """Lists and objects in what the worker says of itself are too many times inside each other."""

    limit: int


@dataclass(eq=False, kw_only=True)
class MetadataNotText(RuleBroken):
    """What the worker says of itself contains the character NUL, which cannot be stored."""


@dataclass(eq=False, kw_only=True)
class TooManyGpus(RuleBroken):
    """No machine has so many GPUs."""

    count: int
    limit: int


@dataclass(eq=False, kw_only=True)
class TooManyHeartbeats(Unavailable):
    """More workers are waiting to be looked up than can be: the next heartbeat will do."""


@dataclass(eq=False, kw_only=True)
class InstanceIsOver(Conflict):
    """The instance is over: it has no worker any more."""

    instance_id: UUID
    status: str


class OrchestratorUnreachable(Upstream):
    """The orchestrator, which is none of this server, does not answer."""

    kind = "orchestrator_unreachable"
