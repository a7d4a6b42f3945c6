"""The workbench as people look at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.pagination import MAX_INTEGER, Key
from inventiv_core.models.entities import Price
from inventiv_core.models.views import Channel
from inventiv_core.workbench.entities import Message, Mode, ProjectId, Run, RunStatus


class ChatScope(StrEnum):
    """What kind of name a model has."""

    PUBLIC = "public"
    """That of the catalog."""
    ORG = "org"
    """An organization's own: ``slug/code``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatModel:
    """A model that answers at this moment."""

    model: str
    """What to send."""
    label: str
    scope: ChatScope
    underlying_model_id: str
    through: Channel
    price: Price | None
    """``None`` when it costs nothing more than the machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModel:
    """That an organization's machines answer for a model."""

    organization_id: OrganizationId
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which workspace's runs and projects to look at; ``None`` is the personal one."""

    organization_id: OrganizationId | None
    everywhere: bool = False
    """All workspaces, instead."""


RUN_KEYS: Final = (
    Key(name="created_at", kind=datetime),
    Key(name="updated_at", kind=datetime),
    Key(name="model_id"),
    Key(name="duration_ms", kind=int, missing=MAX_INTEGER),
    Key(name="cost_eur", kind=Decimal, missing=Decimal("Infinity")),
)
"""What a search of runs may be sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to search for; ``None`` leaves it open."""

    needle: str | None = None
    """What the title, or a message, contains."""
    model_id: str | None = None
    status: RunStatus | None = None
    mode: Mode | None = None
    project_id: ProjectId | None = None
    is_shared: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A run, and everything that was said in it, in order."""

    run: Run
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What there is at a place in a run."""

    is_taken: bool
    last_index: int
    """Of the run; -1 when it has no messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeping:
    """What was done so that nothing is kept for longer than it should be."""

    expired: int = 0
    """Runs that were older than their organization wants."""
    erased: int = 0
    """Messages of which only that they were there is kept."""
    purged: int = 0
    """Runs and projects that were deleted long ago."""
