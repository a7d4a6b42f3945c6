"""What workers send. Unknown fields are ignored: agents may be newer than we are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from inventiv_core.workers.entities import WorkerReport, WorkerStatus, WorkerToken
from inventiv_core.workers.errors import WorkerStatusUnknown
from inventiv_http.workers.readings import (
    bounded,
    gpus_of,
    number,
    queue_depth,
    system_of,
    text,
)

MAX_BODY_BYTES: Final = 256 * 1024
"""The longest that workers may send."""

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
            model_id=text(self.model_id),
            vllm_port=self.vllm_port,
            health_port=self.health_port,
            metadata=bounded(self.metadata),
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
        if word not in _STATUSES:
            raise WorkerStatusUnknown(status=word[:64])
        metadata = bounded(self.metadata)
        return WorkerReport(
            status=WorkerStatus(word),
            worker_id=self.worker_id,
            model_id=text(self.model_id),
            queue_depth=queue_depth(self.queue_depth),
            gpu_utilization=number(self.gpu_utilization, most=100.0),
            agent_version=None if self.agent_info is None else text(self.agent_info.version),
            metadata=metadata,
            gpus=gpus_of(
                metadata or {},
                gpu_utilization=self.gpu_utilization,
                gpu_mem_used_mb=self.gpu_mem_used_mb,
            ),
            system=system_of(metadata or {}),
        )


_STATUSES: Final = frozenset(WorkerStatus)


class RegisteredBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a registration; the token is there only the first time."""

    status: str
    bootstrap_token: str | None = None
    bootstrap_token_prefix: str | None = None


class HeardBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a heartbeat."""

    status: str
    new_token: str | None = None
    """The worker's token from now on, when it has changed. Older agents do not read it."""


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /instances/{instance_id}/worker-token/rotate``."""

    grace_s: Annotated[int, Meta(ge=0, le=7 * 24 * 3600)] | None = None
    """How long the present token stays good at most. Without it, until the new one is used:
    agents that cannot take a new one while they run go on."""


class RotatedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of a worker's token."""

    instance_id: UUID
    generation: int
    token_prefix: str
    previous_valid_until: datetime | None
    """Null: until the new one is used."""

    @classmethod
    def of(cls, token: WorkerToken) -> Self:
        """Show a token, as far as it may be shown."""
        return cls(
            instance_id=token.instance_id,
            generation=token.generation,
            token_prefix=token.token_prefix,
            previous_valid_until=token.previous_until,
        )
