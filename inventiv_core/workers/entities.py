"""Workers, and what they say of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from inventiv_core.instances.entities import InstanceId

MAX_METADATA_BYTES = 64 * 1024
"""The most that is kept of what a worker says of itself, as JSON."""


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
    revoked_at: datetime | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The worker of an instance, as it last described itself."""

    instance_id: InstanceId
    status: WorkerStatus
    worker_id: UUID | None = None
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
    def register(cls, instance_id: InstanceId, report: WorkerReport, *, at: datetime) -> Self:
        """Return the worker that has just reported for duty: whatever was before is forgotten."""
        worker = cls(
            instance_id=instance_id,
            status=WorkerStatus.STARTING,
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


DEFAULT_ENGINE_PORT = 8000


def engine_url(ip_address: str, port: int | None) -> str:
    """Return where an engine answers. IPv6 addresses go in brackets (RFC 3986)."""
    host = f"[{ip_address}]" if ":" in ip_address else ip_address
    return f"http://{host}:{port or DEFAULT_ENGINE_PORT}"
