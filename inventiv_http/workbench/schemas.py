"""The workbench on the wire. Costs are JSON numbers, in euros."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.identity.access import ApiKeyId
from inventiv_core.models.views import Channel
from inventiv_core.workbench.entities import (
    Access,
    Message,
    MessageRole,
    Mode,
    Project,
    ProjectId,
    Retention,
    Run,
    RunStatus,
)
from inventiv_core.workbench.use_cases.messages import NewMessage
from inventiv_core.workbench.use_cases.runs import Completion, NewRun
from inventiv_core.workbench.views import ChatModel, ChatScope, Transcript
from inventiv_http.models.schemas.offerings import PriceBody


class ChatModelBody(msgspec.Struct, frozen=True, kw_only=True):
    """A model that answers at this moment."""

    model: str
    """What to send as ``model``."""
    label: str
    scope: ChatScope
    underlying_model_id: str
    through: Channel
    price: PriceBody | None

    @classmethod
    def of(cls, shown: ChatModel) -> Self:
        """Show a model."""
        return cls(
            model=shown.model,
            label=shown.label,
            scope=shown.scope,
            underlying_model_id=shown.underlying_model_id,
            through=shown.through,
            price=PriceBody.of(shown.price),
        )


class RunBody(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    id: UUID
    created_at: datetime
    started_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    deleted_at: datetime | None
    created_by_user_id: UUID
    created_via_api_key_id: UUID | None
    organization_id: UUID | None
    shared_with_org: bool
    shared_access: Access | None
    """What other members may; null when it is not shared."""
    project_id: UUID | None
    title: str | None
    model_id: str
    mode: Mode
    status: RunStatus
    ttft_ms: int | None
    duration_ms: int | None
    error_message: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    cost_eur: float | None
    message_count: int

    @classmethod
    def of(cls, run: Run) -> Self:
        """Show a run."""
        return cls(
            id=run.id,
            created_at=run.created_at,
            started_at=run.started_at,
            updated_at=run.updated_at,
            completed_at=run.completed_at,
            deleted_at=run.deleted_at,
            created_by_user_id=run.created_by_user_id,
            created_via_api_key_id=run.created_via_api_key_id,
            organization_id=run.organization_id,
            shared_with_org=run.org_access is not None,
            shared_access=run.org_access,
            project_id=run.project_id,
            title=run.title,
            model_id=run.model_id,
            mode=run.mode,
            status=run.status,
            ttft_ms=run.ttft_ms,
            duration_ms=run.duration_ms,
            error_message=run.error_message,
            input_tokens=run.input_tokens,
            output_tokens=run.output_tokens,
            cached_input_tokens=run.cached_input_tokens,
            cost_eur=None if run.cost_eur is None else float(run.cost_eur),
            message_count=run.message_count,
        )


class MessageBody(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was said."""

    id: UUID
    run_id: UUID
    message_index: int
    role: MessageRole
    content: str
    created_at: datetime
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None

    @classmethod
    def of(cls, message: Message) -> Self:
        """Show a message."""
        return cls(
            id=message.id,
            run_id=message.run_id,
            message_index=message.message_index,
            role=message.role,
            content=message.content,
            created_at=message.created_at,
            input_tokens=message.input_tokens,
            output_tokens=message.output_tokens,
            cached_input_tokens=message.cached_input_tokens,
        )


class NewRunBody(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``POST /workbench/runs``."""

    run: RunBody


class NewMessageBody(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``POST /workbench/runs/{id}/messages``."""

    message: MessageBody


class TranscriptBody(msgspec.Struct, frozen=True, kw_only=True):
    """A run, and everything that was said in it."""

    run: RunBody
    messages: list[MessageBody]

    @classmethod
    def of(cls, transcript: Transcript) -> Self:
        """Show a run with its messages."""
        messages = [MessageBody.of(message) for message in transcript.messages]
        return cls(run=RunBody.of(transcript.run), messages=messages)


class NewRunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /workbench/runs``."""

    model_id: str
    api_key_id: UUID | None = None
    mode: str | None = None
    """``chat``, ``validation`` or ``batch``; anything else is a chat."""
    title: str | None = None
    project_id: UUID | None = None
    shared_with_org: bool | None = None
    shared_access: Access | None = None
    """What other members may: by default to read, if it is shared."""
    metadata: Any = None

    def run(self) -> NewRun:
        """Return what is asked for."""
        return NewRun(
            model_id=self.model_id,
            api_key_id=None if self.api_key_id is None else ApiKeyId(self.api_key_id),
            mode=self.mode,
            title=self.title,
            project_id=None if self.project_id is None else ProjectId(self.project_id),
            org_access=access_of(self),
            metadata=self.metadata,
        )


class RunChangesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /workbench/runs/{id}``. What is absent stays; null clears."""

    title: str | UnsetType | None = UNSET
    project_id: UUID | UnsetType | None = UNSET
    shared_with_org: bool | None = None
    shared_access: Access | UnsetType | None = UNSET

    def changes(self) -> dict[str, Any]:
        """Return the new values of the fields that change."""
        said = {"title": self.title, "project_id": self.project_id}
        return {name: value for name, value in said.items() if value is not UNSET} | _shared(self)


class NewMessageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /workbench/runs/{id}/messages``."""

    message_index: int
    role: str
    content: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None

    def message(self) -> NewMessage:
        """Return what is said."""
        return NewMessage(**msgspec.structs.asdict(self))


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /workbench/runs/{id}/complete``. Null leaves what is known."""

    status: str
    ttft_ms: int | None = None
    duration_ms: int | None = None
    error_message: str | None = None
    metadata: dict[str, Any] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None

    def completion(self) -> Completion:
        """Return how the run has ended."""
        return Completion(**msgspec.structs.asdict(self))


class ProjectBody(msgspec.Struct, frozen=True, kw_only=True):
    """A project."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    owner_user_id: UUID
    organization_id: UUID | None
    name: str
    shared_with_org: bool
    shared_access: Access | None

    @classmethod
    def of(cls, project: Project) -> Self:
        """Show a project."""
        return cls(
            id=project.id,
            created_at=project.created_at,
            updated_at=project.updated_at,
            deleted_at=project.deleted_at,
            owner_user_id=project.owner_user_id,
            organization_id=project.organization_id,
            name=project.name,
            shared_with_org=project.org_access is not None,
            shared_access=project.org_access,
        )


class NewProjectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /workbench/projects``."""

    name: str
    shared_with_org: bool | None = None
    shared_access: Access | None = None


class ProjectChangesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /workbench/projects/{id}``. What is absent stays."""

    name: str | None = None
    shared_with_org: bool | None = None
    shared_access: Access | UnsetType | None = UNSET

    def changes(self) -> dict[str, Any]:
        """Return the new values of the fields that change."""
        return ({} if self.name is None else {"name": self.name}) | _shared(self)


class RetentionBody(msgspec.Struct, frozen=True, kw_only=True):
    """How long the organization keeps runs, and whether it keeps what is said in them."""

    delete_after_days: int | None
    """Days without news after which a run is deleted; null: it is kept."""
    keeps_content: bool

    @classmethod
    def of(cls, retention: Retention) -> Self:
        """Show what was chosen."""
        return cls(
            delete_after_days=retention.delete_after_days, keeps_content=retention.keeps_content
        )

    def wanted(self) -> Retention:
        """Return what is chosen."""
        return Retention(delete_after_days=self.delete_after_days, keeps_content=self.keeps_content)


def access_of(said: NewRunRequest | NewProjectRequest) -> Access | None:
    """Return what other members may, as somebody says who makes something."""
    if said.shared_access is not None:
        return said.shared_access
    return Access.READ if said.shared_with_org else None


def _shared(said: RunChangesRequest | ProjectChangesRequest) -> dict[str, Any]:
    if not isinstance(said.shared_access, UnsetType):
        return {"org_access": said.shared_access}
    return {} if said.shared_with_org is None else {"is_shared": said.shared_with_org}
