"""Runs and their messages, the projects they are in, and how long they are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType, Self, cast
from uuid import UUID

from inventiv_core.identity.access import Actor, ApiKeyId, OrganizationId, Permission, UserId
from inventiv_core.identity.entities.names import one_line
from inventiv_core.kernel.money import Eur
from inventiv_core.models.entities import TokenUsage
from inventiv_core.workbench.errors import (
    ContentRequired,
    ContentTooLong,
    InvalidMessageIndex,
    ModelIdRequired,
    ModelIdTooLong,
    RetentionInvalid,
    RoleOfMessageInvalid,
    RunInvalid,
    UserRequired,
)

ProjectId = NewType("ProjectId", UUID)
RunId = NewType("RunId", UUID)
MessageId = NewType("MessageId", UUID)

LONGEST_NAME: Final = 120
LONGEST_TITLE: Final = 200
LONGEST_MODEL_ID: Final = 512
LONGEST_ERROR: Final = 2000
LONGEST_CONTENT: Final = 1_000_000
"""Characters of a message."""
MOST_MESSAGES: Final = 10_000
"""Of one run."""
HIGHEST_INDEX: Final = 1_000_000
MOST_MS: Final = 2**53
MOST_TOKENS: Final = 10**12
MOST_METADATA: Final = 65_536
"""Characters of JSON."""
METADATA_DEPTH: Final = 16
MOST_DAYS: Final = 3650
KEPT_AFTER_DELETION: Final = timedelta(days=30)
"""What somebody has deleted cannot be seen any more; after this, it is gone."""


class WorkbenchActKind(StrEnum):
    """What people do in the workbench. What they say there is in no book."""

    RUN_CREATED = "RUN_CREATED"
    RUN_UPDATED = "RUN_UPDATED"
    RUN_DELETED = "RUN_DELETED"
    PROJECT_CREATED = "PROJECT_CREATED"
    PROJECT_UPDATED = "PROJECT_UPDATED"
    PROJECT_DELETED = "PROJECT_DELETED"
    RETENTION_CHANGED = "RETENTION_CHANGED"


class Access(StrEnum):
    """What an organization's members may do with what one of them shares."""

    READ = "read"
    WRITE = "write"
    """Read it, rename it, add messages and complete it."""


class Mode(StrEnum):
    """What a run is for."""

    CHAT = "chat"
    VALIDATION = "validation"
    BATCH = "batch"

    @classmethod
    def meant_by(cls, word: str | None) -> Self:
        """Return the mode of that name; any other word means a chat."""
        return cls(word) if word in set(cls) else cls("chat")


class RunStatus(StrEnum):
    """How a run stands."""

    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDS: Final = frozenset({RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELLED})


class MessageRole(StrEnum):
    """Who says something."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks: a user, or a program with a key, which sees what was made with it alone."""

    user_id: UserId
    api_key_id: ApiKeyId | None = None
    organizations: frozenset[OrganizationId] = frozenset()
    """Those of which the user is a member, as far as they are looked at."""

    @classmethod
    def of(cls, actor: Actor) -> Self:
        """Return who acts in the workspace, if they may use the workbench."""
        user_id, owner = actor.must_be_user(Permission.USE_WORKBENCH), actor.organization_id
        organizations = frozenset[OrganizationId]() if owner is None else frozenset({owner})
        return cls(user_id=user_id, api_key_id=actor.api_key_id, organizations=organizations)

    @property
    def as_user(self) -> Self:
        """Whose key it is."""
        return replace(self, api_key_id=None)

    def must_be_signed_in(self) -> None:
        """Return if this is a user.

        Raises:
            UserRequired: It is a key.
        """
        if self.api_key_id is not None:
            raise UserRequired


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder for runs."""

    id: ProjectId
    owner_user_id: UserId
    organization_id: OrganizationId | None
    """The workspace it is in; ``None`` is the personal one."""
    name: str
    org_access: Access | None
    """What other members may; ``None`` is nothing."""
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A conversation with a model, or a trial of one. What was said is in its messages."""

    id: RunId
    organization_id: OrganizationId | None
    """The workspace it is in; ``None`` is the personal one."""
    created_by_user_id: UserId
    created_via_api_key_id: ApiKeyId | None
    project_id: ProjectId | None
    title: str | None
    model_id: str
    """As programs say it: nobody checks that there is one."""
    mode: Mode
    status: RunStatus
    ttft_ms: int | None
    """Of the last answer: from the question to its first token."""
    duration_ms: int | None
    error_message: str | None
    input_tokens: int | None
    """Over all messages; ``None`` when nobody has said."""
    output_tokens: int | None
    cached_input_tokens: int | None
    cost_eur: Eur | None
    """At the prices of the moment; ``None`` when there are no tokens, or no price is known."""
    message_count: int
    org_access: Access | None
    """What other members may; ``None`` is nothing."""
    created_at: datetime
    started_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    deleted_at: datetime | None = None

    def is_owned_by(self, reader: Reader) -> bool:
        """Tell whether it is the reader's own, or was made with the reader's key."""
        if reader.api_key_id is not None:
            return self.created_via_api_key_id == reader.api_key_id
        return self.created_by_user_id == reader.user_id

    def may_be_written_by(self, reader: Reader) -> bool:
        """Tell whether whoever may see it may add to it as well."""
        return self.is_owned_by(reader) or self.org_access is Access.WRITE

    @property
    def used(self) -> TokenUsage:
        """Tokens so far."""
        return TokenUsage(
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            cached_input_tokens=self.cached_input_tokens or 0,
        )

    def with_usage(self, usage: TokenUsage, cost_eur: Eur | None) -> Self:
        """Return the run with these tokens in all, and what they cost."""
        return replace(
            self,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            cost_eur=cost_eur,
        )

    def plus_usage(self, usage: TokenUsage, cost_eur: Eur | None) -> Self:
        """Return the run with some more tokens."""
        before = self.used
        is_known = cost_eur is not None and (self.cost_eur is not None or before == TokenUsage())
        return self.with_usage(
            TokenUsage(
                input_tokens=before.input_tokens + usage.input_tokens,
                output_tokens=before.output_tokens + usage.output_tokens,
                cached_input_tokens=before.cached_input_tokens + usage.cached_input_tokens,
            ),
            (self.cost_eur or Eur(0)) + cost_eur if is_known and cost_eur is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMetadata:
    """Whatever clients want to keep with a run. It is in no list."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something that was said in a run."""

    id: MessageId
    run_id: RunId
    message_index: int
    """Its place in the run, which no other message has."""
    sent_index: int
    """The place that it was sent with: what is sent again with it is the same message."""
    role: MessageRole
    content: str
    """Empty where the organization keeps no content."""
    created_at: datetime
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long an organization keeps runs, and whether it keeps what was said in them."""

    delete_after_days: int | None = None
    """Runs in which nothing has happened for so long are deleted; ``None``: never."""
    keeps_content: bool = True

    def validated(self) -> Self:
        """Return it, or raise `RetentionInvalid`."""
        if self.delete_after_days is not None and not 1 <= self.delete_after_days <= MOST_DAYS:
            raise RetentionInvalid(most_days=MOST_DAYS)
        return self


def with_access(changes: Mapping[str, Any], before: Access | None) -> dict[str, Any]:
    """Return changes that say what others may, where they say only whether something is shared.

    What is shared already stays shared as it is; otherwise it is to read.
    """
    said = dict(changes)
    if "is_shared" in said:
        is_shared = said.pop("is_shared")
        said.setdefault("org_access", (before or Access.READ) if is_shared else None)
    return said


def title_of(text: str | None) -> str | None:
    """Return the title that is meant, in at most `LONGEST_TITLE` characters; blank is none."""
    return one_line(text or "")[:LONGEST_TITLE].strip() or None


def model_id_of(text: str) -> str:
    """Return the name of a model, or raise what is wrong with it."""
    name = one_line(text)
    if not name:
        raise ModelIdRequired
    if len(name.encode()) > LONGEST_MODEL_ID:
        raise ModelIdTooLong(longest=LONGEST_MODEL_ID)
    return name


def role_of(word: str) -> MessageRole:
    """Return the role of that name, whatever its capitals, or raise `RoleOfMessageInvalid`."""
    role = word.strip().lower()
    if role not in set(MessageRole):
        raise RoleOfMessageInvalid(role=word)
    return MessageRole(role)


def content_of(text: str) -> str:
    """Return what a message says, without space at its end, or raise what is wrong with it."""
    content = storable(text).rstrip()
    if not content:
        raise ContentRequired
    if len(content) > LONGEST_CONTENT:
        raise ContentTooLong(longest=LONGEST_CONTENT)
    return content


def index_of(number: int) -> int:
    """Return the place of a message, or raise `InvalidMessageIndex`."""
    if not 0 <= number <= HIGHEST_INDEX:
        raise InvalidMessageIndex(highest=HIGHEST_INDEX)
    return number


def count_of(field: str, number: int | None, most: int) -> int | None:
    """Return a number of tokens or milliseconds, or raise `RunInvalid`."""
    if number is not None and not 0 <= number <= most:
        raise RunInvalid(field=field, must=f"between 0 and {most}")
    return number


def storable(text: str) -> str:
    """Return ``text`` without what no database keeps."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def metadata_of(value: object) -> dict[str, Any]:
    """Return what is to be kept with a run; what is no object becomes one.

    Raises:
        RunInvalid: It is too large, or goes too deep.
    """
    if value is None:
        return {}
    kept = _storable(value, 1)
    metadata = cast("dict[str, Any]", kept if isinstance(kept, dict) else {"value": kept})
    if len(json.dumps(metadata, ensure_ascii=False)) > MOST_METADATA:
        raise RunInvalid(field="metadata", must=f"at most {MOST_METADATA} characters of JSON")
    return metadata


def _storable(value: object, depth: int) -> object:
    if depth > METADATA_DEPTH:
        raise RunInvalid(field="metadata", must=f"at most {METADATA_DEPTH} levels deep")
    if isinstance(value, Mapping):
        inside = cast("Mapping[str, object]", value)
        return {storable(name): _storable(part, depth + 1) for name, part in inside.items()}
    if isinstance(value, list):
        return [_storable(part, depth + 1) for part in cast("list[object]", value)]
    return storable(value) if isinstance(value, str) else value
