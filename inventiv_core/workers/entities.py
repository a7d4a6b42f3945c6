"""Workers, and what they say of themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any, Final, Self
from uuid import UUID

from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import AT_REST, InstanceId, InstanceStatus
from inventiv_core.observability.entities import GpuReading, SystemReading

MAX_METADATA_BYTES = 64 * 1024
"""The most that is kept of what a worker says of itself, as JSON."""
MAX_METADATA_DEPTH = 16
"""How many lists and objects may be inside of each other there."""
MAX_GPUS = 64
"""The most GPUs that one machine may report."""

TOKEN_GRACE: Final = timedelta(minutes=1)
"""How long the former token is good once its successor was used: for requests under way."""
SILENCE: Final = timedelta(minutes=1)
"""How long a worker must have been silent before its machine is given a token anew."""


class WorkerStatus(StrEnum):
    """What a worker says it is doing."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCaller:
    """Whoever claims to be the worker of an instance."""

    token: str | None
    ip_address: str | None
    """Where the call comes from, as far as it can be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedMessage:
    """What a worker says to an orchestrator of others, as it came."""

    action: str
    """``register`` or ``heartbeat``."""
    body: bytes
    content_type: str
    authorization: str | None = field(repr=False)
    ip_address: str | None
    """Where it came from, as far as that can be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedAnswer:
    """What it answers."""

    status_code: int
    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerToken:
    """What we keep of the token of an instance's worker."""

    instance_id: InstanceId
    token_hash: str
    """SHA-256 of the token, in lower-case hexadecimal."""
    token_prefix: str
    """The first 12 characters, to tell tokens apart."""
    generation: int
    """Counts rotations: the token follows from the instance and this number."""
    created_at: datetime
    last_seen_at: datetime | None
    """When it was last used to register, or with news. ``None``: the machine may not have it."""
    revoked_at: datetime | None
    previous_hash: str | None = None
    """Of the token before: good until the worker was seen with the present one, and a moment."""
    previous_until: datetime | None = None
    """How long the token before is good at most; ``None``: for as long as it takes."""
    retired_id: UUID | None = None
    """Which process there was when the machine was last told to start anew: what comes of that
    one comes late. Only who has this very token speaks for the machine as it is now."""

    def accepts(self, token_hash: str, at: datetime) -> bool:
        """Tell whether a token of that hash is the worker's.

        Hashes are compared, not tokens: how long that takes says nothing of the token.
        """
        if self.revoked_at is not None:
            return False
        if token_hash == self.token_hash:
            return True
        return token_hash == self.previous_hash and (
            self.previous_until is None or at < self.previous_until
        )

    def is_new_to(self, token_hash: str | None) -> bool:
        """Tell whether whoever came with that hash came with the token before."""
        return token_hash is not None and token_hash == self.previous_hash

    def used(self, token_hash: str | None, *, at: datetime) -> Self:
        """Return the token after somebody came with that hash."""
        if token_hash != self.token_hash:
            return self
        return replace(self, last_seen_at=at, previous_until=self._previous_until(at + TOKEN_GRACE))

    def rotated(self, successor: Self, *, grace: timedelta | None, at: datetime) -> Self:
        """Return the token that takes the place of this one.

        The machine learns of it later. While it has not, another rotation makes no other one.
        """
        until = None if grace is None else at + grace
        if self.last_seen_at is None and self.previous_hash is not None:
            return replace(self, previous_until=self._previous_until(until))
        return replace(successor, previous_hash=self.token_hash, previous_until=until)

    def is_of_former_life(self, token_hash: str | None, worker_id: UUID | None) -> bool:
        """Tell whether a process was retired that comes with the token that is good for all."""
        return token_hash is None and worker_id is not None and worker_id == self.retired_id

    def _previous_until(self, limit: datetime | None) -> datetime | None:
        """Return how long the token before is good, if it is not to be for longer than that."""
        if self.previous_hash is None or limit is None:
            return self.previous_until
        return min(self.previous_until or limit, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """What a registration or a heartbeat says; ``None`` is "nothing new"."""

    status: WorkerStatus | None = None
    worker_id: UUID | None = None
    model_id: str | None = None
    vllm_port: int | None = None
    health_port: int | None = None
    queue_depth: int | None = None
    gpu_utilization: float | None = None
    agent_version: str | None = None
    metadata: Mapping[str, Any] | None = None
    gpus: Sequence[GpuReading] = ()
    system: SystemReading | None = None

    def then(self, later: Self) -> Self:
        """Return one report that says what both say, one after the other."""
        return replace(
            later,
            status=later.status or self.status,
            worker_id=later.worker_id or self.worker_id,
            model_id=later.model_id or self.model_id,
            vllm_port=later.vllm_port or self.vllm_port,
            health_port=later.health_port or self.health_port,
            agent_version=later.agent_version or self.agent_version,
            metadata=later.metadata if later.metadata is not None else self.metadata,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The worker of an instance, as it last described itself."""

    instance_id: InstanceId
    status: WorkerStatus
    worker_id: UUID | None = None
    """Which process it is: agents draw one each time they start, unless they are given one."""
    former_id: UUID | None = None
    """Which process it was before: what still comes of that one is too late."""
    model_id: str | None = None
    """The model it serves, by its public name."""
    vllm_port: int | None = None
    health_port: int | None = None
    queue_depth: int | None = None
    gpu_utilization: float | None = None
    """Mean over all GPUs, in percent."""
    agent_version: str | None = None
    metadata: Mapping[str, Any] | None = None
    registered_at: datetime
    last_heartbeat_at: datetime

    @classmethod
    def register(
        cls,
        instance_id: InstanceId,
        report: WorkerReport,
        *,
        before: Self | None = None,
        at: datetime,
    ) -> Self:
        """Return the worker that has just reported for duty: whatever was before is forgotten.

        Only that it serves is not: an answer may have been lost, or the agent alone restarted,
        and its next heartbeat is about to tell.
        """
        status = WorkerStatus.STARTING
        if before is not None and before.status is WorkerStatus.READY:
            status = before.status
        worker = cls(
            instance_id=instance_id,
            status=status,
            former_id=None if before is None else before.former_after(report),
            registered_at=at,
            last_heartbeat_at=at,
        )
        return worker.hear(report, at=at)

    def hear(self, report: WorkerReport, *, at: datetime) -> Self:
        """Return the worker after a report.

        Load figures are those of this report, or unknown: one that has stopped coming
        must not steer traffic for ever.
        """
        return replace(
            self,
            status=report.status or self.status,
            worker_id=report.worker_id or self.worker_id,
            former_id=self.former_after(report),
            model_id=report.model_id or self.model_id,
            vllm_port=report.vllm_port or self.vllm_port,
            health_port=report.health_port or self.health_port,
            agent_version=report.agent_version or self.agent_version,
            metadata=report.metadata if report.metadata is not None else self.metadata,
            queue_depth=report.queue_depth,
            gpu_utilization=report.gpu_utilization,
            last_heartbeat_at=at,
        )

    def is_fresh(self, now: datetime, *, stale_after: timedelta) -> bool:
        """Tell whether the worker has been heard of lately."""
        return now - self.last_heartbeat_at <= stale_after

    def former_after(self, report: WorkerReport) -> UUID | None:
        """Return which process came before the one that reports."""
        is_another = report.worker_id is not None and self.worker_id not in {None, report.worker_id}
        return self.worker_id if is_another else self.former_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A heartbeat that has arrived."""

    instance_id: InstanceId
    report: WorkerReport
    at: datetime
    token_hash: str | None
    """Of the token that came with it; ``None`` if it was the one that is good for all."""

    def after(self, earlier: Self) -> Self:
        """Return one heartbeat that says what both say."""
        return replace(self, report=earlier.report.then(self.report))


class Reception(Enum):
    """How a heartbeat is met."""

    REFUSED = auto()
    """The token is not the worker's."""
    OVER = auto()
    """The instance is over."""
    LATE = auto()
    """Something newer was heard already."""
    QUIET = auto()
    """All as before: it may be noted together with others, in a moment."""
    NEWS = auto()
    """Somebody has to know at once."""


_UNQUIET: Final = frozenset({InstanceStatus.UNAVAILABLE, InstanceStatus.STARTUP_FAILED})
"""Any heartbeat may bring such an instance back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that decides how the next heartbeat of an instance is met."""

    instance_id: InstanceId
    organization_id: OrganizationId
    status: InstanceStatus
    ip_address: str | None
    token: WorkerToken | None
    worker_status: WorkerStatus | None
    """``None`` if there is no worker yet."""
    worker_id: UUID | None
    former_id: UUID | None
    heard_at: datetime | None
    is_to_reinstall: bool = False
    """What there is to be heard is of the life that ends."""

    def meets(self, heard: Heard) -> Reception:
        """Return how to take a heartbeat."""
        report, token = heard.report, self.token
        if heard.token_hash is not None and (
            token is None or not token.accepts(heard.token_hash, heard.at)
        ):
            return Reception.REFUSED
        if self.status in AT_REST:
            return Reception.OVER
        if self._is_late(heard):
            return Reception.LATE
        is_quiet = (
            self.status not in _UNQUIET
            and report.status in {None, self.worker_status}
            and self.worker_status is not None
            and report.worker_id in {None, self.worker_id}
            and not self._uses_token_first(heard)
        )
        return Reception.QUIET if is_quiet else Reception.NEWS

    def _is_late(self, heard: Heard) -> bool:
        """Tell whether something newer is known than what comes only now."""
        worker_id, token = heard.report.worker_id, self.token
        return (
            self.is_to_reinstall
            or (self.heard_at is not None and heard.at < self.heard_at)
            or (worker_id is not None and worker_id == self.former_id)
            or (token is not None and token.is_of_former_life(heard.token_hash, worker_id))
        )

    def _uses_token_first(self, heard: Heard) -> bool:
        return (
            self.token is not None
            and self.token.last_seen_at is None
            and heard.token_hash == self.token.token_hash
        )

    def has_token_for(self, heard: Heard, ip_address: str | None) -> bool:
        """Tell whether a caller is to be given the new token: only the machine itself is.

        Somebody else may have got hold of the one before.
        """
        return (
            self.token is not None
            and self.token.is_new_to(heard.token_hash)
            and self.ip_address is not None
            and ip_address == self.ip_address
        )


DEFAULT_ENGINE_PORT = 8000


def engine_url(ip_address: str, port: int | None) -> str:
    """Return where an engine answers. IPv6 addresses go in brackets (RFC 3986)."""
    host = f"[{ip_address}]" if ":" in ip_address else ip_address
    return f"http://{host}:{port or DEFAULT_ENGINE_PORT}"
