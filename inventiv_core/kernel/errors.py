"""Errors a caller can understand, and often mend.

Every error belongs to exactly one kind below; a front end maps the *kinds*,
once, and never hears of individual errors. To add an error, subclass a kind,
say what is wrong in the first line of the docstring, and list the facts as fields.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(eq=False, kw_only=True)
class DomainError(Exception):
    """The request could not be carried out."""

    kind: ClassVar[str] = "internal_error"
    """The word for this kind of error on the wire. A leaf may have one of its own."""

    code: ClassVar[str] = "domain_error"
    """A stable name for programs: by default the name of the class, such as ``model_not_found``."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Name the error after its class, unless it names itself."""
        super().__init_subclass__(**options)
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def __str__(self) -> str:
        return (type(self).__doc__ or self.code).partition("\n")[0]

    @property
    def facts(self) -> dict[str, Any]:
        """What the caller needs to know to mend the request."""
        return asdict(self)


class Invalid(DomainError):
    """The request is not well formed."""

    kind = "invalid_request"


class Unauthenticated(DomainError):
    """The caller is not known."""

    kind = "unauthorized"


class Unpaid(DomainError):
    """This has to be paid for, and there is nothing to pay it with."""

    kind = "payment_required"


class Forbidden(DomainError):
    """The caller is known, but not allowed to do this."""

    kind = "forbidden"


class NotFound(DomainError):
    """What was asked for does not exist, or is not the caller's to see."""

    kind = "not_found"


class Conflict(DomainError):
    """The request disagrees with what is already there."""

    kind = "conflict"


class RuleBroken(DomainError):
    """The request is well formed, but the domain forbids it."""

    kind = "rule_broken"


@dataclass(eq=False, kw_only=True)
class TooMany(DomainError):
    """There were too many requests of this kind: the same one will do later."""

    kind = "rate_limited"

    retry_after_s: int
    """When to try again, in seconds from now."""


class Unavailable(DomainError):
    """Something outside is not answering; the same request may succeed later."""

    kind = "unavailable"


class Upstream(DomainError):
    """Someone we depend on for this answer has failed."""

    kind = "upstream_error"
