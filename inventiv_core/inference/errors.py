"""What can go wrong with inference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from inventiv_core.kernel.errors import (
    Forbidden,
    Invalid,
    NotFound,
    RuleBroken,
    TooMany,
    Unavailable,
    Upstream,
)


@dataclass(eq=False, kw_only=True)
class ModelNotNamed(Invalid):
    """Say which model to use: the field "model" is missing."""

    code = "missing_model"


@dataclass(eq=False, kw_only=True)
class ModelNotServed(NotFound):
    """There is no such model."""

    code = "model_not_found"

    model: str


@dataclass(eq=False, kw_only=True)
class NoReadyWorker(Unavailable):
    """No worker of your organization serves this model right now: deploy one, or wait."""

    model: str


@dataclass(eq=False, kw_only=True)
class UpstreamUnreachable(Upstream):
    """The worker could not be reached, and there was no other one to try."""

    model: str


@dataclass(eq=False, kw_only=True)
class ModelNotAllowed(Forbidden):
    """This API key may not use this model."""

    model: str


@dataclass(eq=False, kw_only=True)
class LimitInvalid(Invalid):
    """A limit cannot be like this."""

    code = "invalid_limit"

    field: str
    must: str

    def __str__(self) -> str:
        return f'A limit cannot be like this: "{self.field}" must be {self.must}.'


@dataclass(eq=False, kw_only=True)
class LimitNotFound(NotFound):
    """There is no such limit."""

    limit_id: UUID


@dataclass(eq=False, kw_only=True)
class LimitedNotFound(NotFound):
    """Whoever the limit is for does not belong here: it takes a member, or a key in use."""

    field: str


@dataclass(eq=False, kw_only=True)
class TooManyLimits(RuleBroken):
    """There are as many limits as there can be: remove some that are not needed."""

    most: int


@dataclass(eq=False, kw_only=True)
class LimitReached(TooMany):
    """More than this may not be used now: wait, and send it again."""

    code = "rate_limit_exceeded"

    measure: str
    """What there is too much of, such as ``requests``."""
    whose: str
    """Such as ``API key``."""
    model: str | None
    allowance: str
    """Such as ``60 requests per minute``."""
    headroom: Sequence[Mapping[str, Any]]
    """What is left of what."""

    def __str__(self) -> str:
        of_model = "" if self.model is None else f" of {self.model}"
        may = f"This {self.whose} may use {self.allowance}{of_model}"
        return f"{may}. Try again in {self.retry_after_s} s."


@dataclass(eq=False, kw_only=True)
class BudgetSpent(LimitReached):
    """What may be used until the period ends does not suffice for this."""

    code = "insufficient_quota"
