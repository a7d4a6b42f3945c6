"""What workers send. Unknown fields are ignored: agents may be newer than we are."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from inventiv_core.workers.entities import MAX_METADATA_BYTES, WorkerReport, WorkerStatus
from inventiv_core.workers.errors import MetadataTooLarge, WorkerStatusUnknown

Port = Annotated[int, Meta(ge=1, le=65535)]
Name = Annotated[str, Meta(max_length=255)]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /internal/worker/register``."""

    instance_id: UUID
    worker_id: UUID | None = None
    model_id: Name | None = None
    vllm_port: Port | None = None
    health_port: Port | None = None
    ip_address: str | None = None
    """What the worker believes; what counts is what the provider says."""
    metadata: Mapping[str, Any] | None = None

    def to_report(self) -> WorkerReport:
        """Return what the core understands."""
        return WorkerReport(
            worker_id=self.worker_id,
            model_id=self.model_id or None,
            vllm_port=self.vllm_port,
            health_port=self.health_port,
            metadata=_bounded(self.metadata),
        )


class AgentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which agent it is."""

    version: Name | None = None
    build_date: str | None = None
    checksum: str | None = None


class HeartbeatReport(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /internal/worker/heartbeat``."""

    instance_id: UUID
    status: str
    worker_id: UUID | None = None
    model_id: Name | None = None
    queue_depth: int | None = None
    gpu_utilization: float | None = None
    gpu_mem_used_mb: float | None = None
    ip_address: str | None = None
    agent_info: AgentInfo | None = None
    metadata: Mapping[str, Any] | None = None

    def to_report(self) -> WorkerReport:
        """Return what the core understands: figures out of range are cut to it."""
        word = self.status.strip().lower()
        if word not in set(WorkerStatus):
            raise WorkerStatusUnknown(status=word[:64])
        queue, gpu = self.queue_depth, self.gpu_utilization
        return WorkerReport(
            status=WorkerStatus(word),
            worker_id=self.worker_id,
            model_id=self.model_id or None,
            queue_depth=None if queue is None else max(queue, 0),
            gpu_utilization=None if gpu is None else min(max(gpu, 0.0), 100.0),
            agent_version=None if self.agent_info is None else self.agent_info.version,
            metadata=_bounded(self.metadata),
        )


class RegisteredBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a registration; the token is there only the first time."""

    status: str
    bootstrap_token: str | None = None
    bootstrap_token_prefix: str | None = None


class HeardBody(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a heartbeat."""

    status: str


def _bounded(metadata: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if metadata is None:
        return None
    size_bytes = len(msgspec.json.encode(metadata))
    if size_bytes > MAX_METADATA_BYTES:
        raise MetadataTooLarge(size_bytes=size_bytes, limit_bytes=MAX_METADATA_BYTES)
    return metadata
