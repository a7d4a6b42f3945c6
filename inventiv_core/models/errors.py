"""What can go wrong with models."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unpaid


@dataclass(eq=False, kw_only=True)
class InvalidModelId(Invalid):
    """The id of a model is a UUID."""

    kind = "invalid_id"

    model_id: str


@dataclass(eq=False, kw_only=True)
class ModelNotFound(NotFound):
    """There is no such model."""

    code = "no_such_model"  # the gateway says model_not_found, of a public name

    model_id: UUID


@dataclass(eq=False, kw_only=True)
class ModelInvalid(Invalid):
    """A field of the model cannot have this value."""

    field: str
    must: str
    """What the field must be."""

    def __str__(self) -> str:
        return f"The field {self.field} must be {self.must}."


@dataclass(eq=False, kw_only=True)
class ModelIdTaken(Conflict):
    """Another model has this model_id."""

    kind = "db_error"  # the word that clients know; they were told so by a database

    model_id: str


@dataclass(eq=False, kw_only=True)
class ModelInUse(Conflict):
    """Something still refers to this model, such as an instance: switch it off instead."""

    kind = "db_error"

    model_id: UUID


@dataclass(eq=False, kw_only=True)
class ConfigNotUnderstood(Invalid):
    """This is not a config.json of a model that we know how to count."""

    field: str
    """Where in the file."""
    must: str
    """What is expected there."""

    def __str__(self) -> str:
        return f"In config.json, {self.field} must be {self.must}."


@dataclass(eq=False, kw_only=True)
class FamilyUnknown(Invalid):
    """Models of this family are not known here."""

    family: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"Models of the family {self.family!r} are not known here."


@dataclass(eq=False, kw_only=True)
class DemandInvalid(Invalid):
    """Nothing can be served like this."""

    field: str
    must: str

    def __str__(self) -> str:
        return f"The field {self.field} must be {self.must}."


@dataclass(eq=False, kw_only=True)
class OfferingNotFound(NotFound):
    """There is no such offering in this organization."""

    offering_id: UUID


@dataclass(eq=False, kw_only=True)
class OfferingInvalid(Invalid):
    """A field of the offering cannot have this value."""

    field: str
    must: str

    def __str__(self) -> str:
        return f"The field {self.field} must be {self.must}."


@dataclass(eq=False, kw_only=True)
class OfferingCodeTaken(Conflict):
    """Another offering of the organization has this code."""

    offering_code: str


@dataclass(eq=False, kw_only=True)
class ShareNotFound(NotFound):
    """The offering is not shared like this."""

    share_id: UUID


@dataclass(eq=False, kw_only=True)
class AlreadyShared(Conflict):
    """The offering is shared with this organization already: change that share."""

    organization_slug: str


@dataclass(eq=False, kw_only=True)
class ConsumerNotFound(NotFound):
    """There is no such organization to share with."""

    organization_slug: str


@dataclass(eq=False, kw_only=True)
class SharedWithOneself(Invalid):
    """An organization needs no share to use what is its own."""


class SubscriptionRequired(Forbidden):
    """This is for subscribers: the workspace is on the free plan."""


class WalletEmpty(Unpaid):
    """This is paid from the wallet of the workspace, which is empty: top it up."""
