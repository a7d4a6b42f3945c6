"""Users, as administrators look at them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from inventiv_core.identity.access import OrganizationId, PlatformRole, Role, UserId
from inventiv_core.kernel.pagination import Identified, Key, KeyValue

NOWHERE: Final = UUID(int=0)
"""Stands for the organization of who belongs to none."""

_BETWEEN: Final = "\x01"
"""Sorts before every letter of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A user and one of the organizations they belong to; without it, all of it is ``None``."""

    user_id: UserId
    username: str
    email: str
    role: PlatformRole
    first_name: str | None
    last_name: str | None
    created_at: datetime
    updated_at: datetime
    organization_id: OrganizationId | None = None
    organization_name: str | None = None
    organization_slug: str | None = None
    organization_role: Role | None = None

    @property
    def id(self) -> UUID:
        """What tells the rows of one user from each other."""
        return self.organization_id or NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which users to show; ``None`` is no condition."""

    needle: str | None = None
    """In the user name, or the address."""
    organization_id: OrganizationId | None = None
    organization_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserKey(Key):
    """Something to sort users by, and then by their id: its text is value and id in one.

    So the id of the row, which is the organization's, comes third.
    """

    def of(self, row: Identified) -> KeyValue:
        """Return the value that decides where ``row`` stands, before its organization does."""
        value = getattr(row, self.name)
        if isinstance(value, datetime):
            value = f"{value:%Y-%m-%dT%H:%M:%S.%f}"
        text = cast("str", self.missing) if value is None else value
        return f"{text}{_BETWEEN}{cast('UserRow', row).user_id}"


def user_keys(*, descending: bool) -> tuple[UserKey, ...]:
    """Return what users can be sorted by; who belongs nowhere comes last."""
    missing = "" if descending else chr(1114111)
    names = (
        "username", "email", "role", "created_at", "updated_at", "organization_name",
        "organization_role",
    )  # fmt: skip
    return tuple(UserKey(name=name, missing=missing) for name in names)
