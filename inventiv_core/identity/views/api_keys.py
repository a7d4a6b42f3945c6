"""API keys, as people look at them, and as they are recognised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from inventiv_core.identity.access import ApiKeyId, OrganizationId, Permission, Role, UserId
from inventiv_core.kernel.pagination import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRow:
    """One key in a list."""

    id: UUID
    name: str
    key_prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None
    models: Sequence[str] | None
    permissions: Sequence[str] | None
    organization_id: UUID | None
    organization_name: str | None
    """``None`` for the personal workspace, and where the user does not belong any more."""
    user_id: UUID
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDetails:
    """A key that is good, with what the database says now of its user and workspace."""

    api_key_id: ApiKeyId
    user_id: UserId
    username: str
    organization_id: OrganizationId | None
    role: Role | None
    """The user's, in the key's organization; ``None`` in the personal workspace."""
    models: frozenset[str] | None
    permissions: frozenset[Permission] | None
    last_used_at: datetime | None
    expires_at: datetime | None


LONG_AGO: Final = datetime(1, 1, 2, tzinfo=UTC)
LONG_HENCE: Final = datetime(9999, 12, 30, tzinfo=UTC)


def api_key_keys(*, descending: bool) -> Sequence[Key]:
    """Return what keys can be sorted by. What has not happened is last in either direction."""
    missing = LONG_AGO if descending else LONG_HENCE
    return (
        Key(name="created_at", kind=datetime),
        Key(name="name"),
        Key(name="key_prefix"),
        Key(name="last_used_at", kind=datetime, missing=missing),
        Key(name="revoked_at", kind=datetime, missing=missing),
    )
