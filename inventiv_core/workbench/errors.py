"""What can go wrong in the workbench. Clients know the codes."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.identity.errors.members import InvalidRole
from inventiv_core.kernel.errors import Conflict, Forbidden, Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class RunNotFound(NotFound):
    """There is no such run that you may see."""

    run_id: UUID


@dataclass(eq=False, kw_only=True)
class ProjectNotFound(NotFound):
    """There is no such project that you may see."""

    project_id: UUID


@dataclass(eq=False, kw_only=True)
class UserRequired(Forbidden):
    """This takes somebody who is signed in: an API key is not enough."""


@dataclass(eq=False, kw_only=True)
class ApiKeyNotAllowed(Forbidden):
    """This API key is not one of yours, or not the one you call with."""


@dataclass(eq=False, kw_only=True)
class ProjectNotAllowed(Forbidden):
    """This project is not yours to use, or belongs to another workspace."""


@dataclass(eq=False, kw_only=True)
class RunIsReadOnly(Forbidden):
    """This run is shared with you to read: only its owner can do this, or whoever may write."""


@dataclass(eq=False, kw_only=True)
class OwnerRequired(Forbidden):
    """Only the owner can share this, put it into a project, or take it away."""


@dataclass(eq=False, kw_only=True)
class ModelIdRequired(Invalid):
    """Say which model the run is with."""


@dataclass(eq=False, kw_only=True)
class ModelIdTooLong(Invalid):
    """The name of the model is too long."""

    longest: int


@dataclass(eq=False, kw_only=True)
class RoleOfMessageInvalid(InvalidRole):
    """A message is by the system, the user or the assistant."""

    code = "invalid_role"


@dataclass(eq=False, kw_only=True)
class ContentRequired(Invalid):
    """A message says something."""


@dataclass(eq=False, kw_only=True)
class ContentTooLong(Invalid):
    """A message of this length is not kept."""

    longest: int


@dataclass(eq=False, kw_only=True)
class InvalidMessageIndex(Invalid):
    """The index of a message is not one that can be."""

    highest: int


@dataclass(eq=False, kw_only=True)
class RunIsFull(Conflict):
    """The run has as many messages as one can have: begin another."""

    most: int


@dataclass(eq=False, kw_only=True)
class InvalidStatus(Invalid):
    """A run ends as success, failed or cancelled."""


@dataclass(eq=False, kw_only=True)
class RunInvalid(Invalid):
    """A field of the run cannot have this value."""

    field: str
    must: str

    def __str__(self) -> str:
        return f"The field {self.field} must be {self.must}."


@dataclass(eq=False, kw_only=True)
class RetentionInvalid(Invalid):
    """Runs are kept for some days, or for ever."""

    most_days: int
