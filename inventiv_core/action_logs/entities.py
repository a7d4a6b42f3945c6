"""An action: something that was begun, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType, Self
from uuid import UUID

from inventiv_core.identity.access import Actor, ApiKeyId, OrganizationId

ActionLogId = NewType("ActionLogId", UUID)


class ActionType(StrEnum):
    """What can be done to an instance. Clients know these codes."""

    REQUEST_CREATE = "REQUEST_CREATE"
    EXECUTE_CREATE = "EXECUTE_CREATE"
    PROVIDER_CREATE = "PROVIDER_CREATE"
    PERSIST_PROVIDER_ID = "PERSIST_PROVIDER_ID"
    PROVIDER_START = "PROVIDER_START"
    PROVIDER_GET_IP = "PROVIDER_GET_IP"
    INSTANCE_CREATED = "INSTANCE_CREATED"
    WORKER_VLLM_HTTP_OK = "WORKER_VLLM_HTTP_OK"
    WORKER_MODEL_LOADED = "WORKER_MODEL_LOADED"
    WORKER_VLLM_WARMUP = "WORKER_VLLM_WARMUP"
    HEALTH_CHECK = "HEALTH_CHECK"
    INSTANCE_READY = "INSTANCE_READY"
    INSTANCE_STARTUP_FAILED = "INSTANCE_STARTUP_FAILED"
    REQUEST_TERMINATE = "REQUEST_TERMINATE"
    EXECUTE_TERMINATE = "EXECUTE_TERMINATE"
    PROVIDER_TERMINATE = "PROVIDER_TERMINATE"
    TERMINATION_CONFIRMED = "TERMINATION_CONFIRMED"
    INSTANCE_TERMINATED = "INSTANCE_TERMINATED"
    REQUEST_REINSTALL = "REQUEST_REINSTALL"
    EXECUTE_REINSTALL = "EXECUTE_REINSTALL"
    ARCHIVE_INSTANCE = "ARCHIVE_INSTANCE"
    PROVIDER_DELETED_DETECTED = "PROVIDER_DELETED_DETECTED"


class Component(StrEnum):
    """Which part of the platform acted."""

    API = "api"
    ORCHESTRATOR = "orchestrator"


class ActionStatus(StrEnum):
    """How far an action is."""

    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLog:
    """One action on one instance."""

    id: ActionLogId
    action_type: ActionType
    component: Component
    status: ActionStatus
    organization_id: OrganizationId
    instance_id: UUID
    """May name an instance that never was: a refused request has an id, too."""
    user_id: UUID | None
    source_ip: str | None
    error_code: str | None
    error_message: str | None
    metadata: Mapping[str, Any]
    """What was known at the start and, merged into it, what was learnt by the end."""
    instance_status_before: str | None
    instance_status_after: str | None
    duration_ms: int | None
    created_at: datetime
    completed_at: datetime | None
    actor_name: str | None = None
    """The user's name at the time."""
    api_key_id: ApiKeyId | None = None

    @classmethod
    def begin(
        cls,
        action_type: ActionType,
        *,
        id: ActionLogId,
        actor: Actor,
        organization_id: OrganizationId,
        instance_id: UUID,
        at: datetime,
        status_before: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Say that something begins. Without a user, it is the orchestrator that acts."""
        return cls(
            id=id,
            action_type=action_type,
            component=Component.ORCHESTRATOR if actor.user_id is None else Component.API,
            status=ActionStatus.IN_PROGRESS,
            organization_id=organization_id,
            instance_id=instance_id,
            user_id=actor.user_id,
            actor_name=actor.name,
            api_key_id=actor.api_key_id,
            source_ip=actor.source_ip,
            error_code=None,
            error_message=None,
            metadata=dict(metadata or {}),
            instance_status_before=status_before,
            instance_status_after=None,
            duration_ms=None,
            created_at=at,
            completed_at=None,
        )

    def succeed(
        self,
        *,
        at: datetime,
        status_after: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Say that it is done."""
        return self._end(ActionStatus.SUCCESS, at, status_after, metadata)

    def fail(
        self,
        *,
        code: str,
        message: str,
        at: datetime,
        status_after: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Say that it did not work, and why."""
        merged = {"error_code": code, **(metadata or {})}
        ended = self._end(ActionStatus.FAILED, at, status_after, merged)
        return replace(ended, error_code=code, error_message=message)

    def _end(
        self,
        status: ActionStatus,
        at: datetime,
        status_after: str | None,
        metadata: Mapping[str, Any] | None,
    ) -> Self:
        return replace(
            self,
            status=status,
            completed_at=at,
            duration_ms=max((at - self.created_at) // timedelta(milliseconds=1), 0),
            instance_status_after=status_after,
            metadata={**self.metadata, **(metadata or {})},
        )
