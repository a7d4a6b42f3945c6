"""API keys on the wire."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inventiv_core.identity.access import Permission
from inventiv_core.identity.entities.api_keys import KeyScope
from inventiv_core.identity.use_cases.api_keys import KeyChange, KeyMade
from inventiv_core.identity.views.api_keys import ApiKeyRow

Instant = Annotated[datetime, Meta(tz=True)]


class ApiKeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what is secret of it."""

    id: UUID
    name: str
    key_prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None
    models: list[str] | None
    permissions: list[str] | None
    organization_id: UUID | None
    organization_name: str | None

    @classmethod
    def of(cls, row: ApiKeyRow) -> Self:
        """Show a key."""
        return cls(
            id=row.id,
            name=row.name,
            key_prefix=row.key_prefix,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
            expires_at=row.expires_at,
            models=None if row.models is None else list(row.models),
            permissions=None if row.permissions is None else list(row.permissions),
            organization_id=row.organization_id,
            organization_name=row.organization_name,
        )


class OrganizationKeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the organization, and whose it is."""

    key: ApiKeyBody
    user_id: UUID
    username: str


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /api_keys``."""

    name: str
    expires_at: Instant | None = None
    models: list[str] | None = None
    permissions: list[Permission] | None = None

    def to_scope(self) -> KeyScope:
        """Return what the key is for."""
        return KeyScope(**_fields(self))


class ApiKeyUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /api_keys/{id}``: absent leaves, null takes a limit away."""

    name: str | UnsetType = UNSET
    expires_at: Instant | UnsetType | None = UNSET
    models: list[str] | UnsetType | None = UNSET
    permissions: list[Permission] | UnsetType | None = UNSET

    def to_change(self) -> KeyChange:
        """Return what is to be changed."""
        name = None if isinstance(self.name, UnsetType) else self.name
        return KeyChange(name=name, scope=_fields(self))


def _fields(given: NewApiKey | ApiKeyUpdate) -> dict[str, Any]:
    """Return the fields of the scope that are given, as the core has them."""
    fields: dict[str, Any] = {}
    if not isinstance(given.expires_at, UnsetType):
        fields["expires_at"] = given.expires_at
    if not isinstance(given.models, UnsetType):
        models = given.models
        fields["models"] = None if models is None else frozenset(name.strip() for name in models)
    if not isinstance(given.permissions, UnsetType):
        permissions = given.permissions
        fields["permissions"] = None if permissions is None else frozenset(permissions)
    return fields


class NewKeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``POST /api_keys``: the only time that the key is shown."""

    key: ApiKeyBody
    api_key: str

    @classmethod
    def of(cls, made: KeyMade, *, organization_name: str | None) -> Self:
        """Show a key that was just made."""
        key, scope = made.api_key, made.api_key.scope
        return cls(
            key=ApiKeyBody(
                id=key.id,
                name=key.name,
                key_prefix=key.key_prefix,
                created_at=key.created_at,
                last_used_at=None,
                revoked_at=None,
                expires_at=scope.expires_at,
                models=None if scope.models is None else sorted(scope.models),
                permissions=None if scope.permissions is None else sorted(scope.permissions),
                organization_id=key.organization_id,
                organization_name=organization_name,
            ),
            api_key=made.key,
        )
