"""API keys: what programs call with, in somebody's name and in one workspace."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Self

from inventiv_core.identity.access import (
    KEY_PERMISSIONS,
    ApiKeyId,
    OrganizationId,
    Permission,
    UserId,
)
from inventiv_core.identity.entities.names import name_of, one_line
from inventiv_core.identity.errors.api_keys import (
    ExpiryPassed,
    KeyModelsInvalid,
    KeyPermissionsInvalid,
)

LONGEST_KEY_NAME: Final = 100
MOST_MODELS: Final = 100
_LONGEST_MODEL: Final = 512
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_SHOWN: Final = 12
"""Characters of a key that are kept, so that people know which one it is."""

_KEY: Final = re.compile(r"sk-inv-[0-9a-f]{64}")


def is_api_key(text: str) -> bool:
    """Tell whether ``text`` has the form of a key."""
    return _KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyScope:
    """What a key may be used for, and until when."""

    expires_at: datetime | None = None
    """``None`` for ever."""
    models: frozenset[str] | None = None
    """The public names of the models it may use; ``None`` for all."""
    permissions: frozenset[Permission] | None = None
    """What it may do of what keys may do at all; ``None`` for all of that."""

    def possible(self, *, now: datetime, before: "KeyScope | None" = None) -> Self:
        """Return the scope, if a key can have it where it had the one ``before``.

        Raises:
            ExpiryPassed: It would have expired already, or at no moment that all calendars have.
            KeyModelsInvalid: No models, too many, or what cannot be the name of one.
            KeyPermissionsInvalid: None, or one that keys cannot have.
        """
        is_as_before = before is not None and before.expires_at == self.expires_at
        if self.expires_at is not None and not is_as_before and not now < self.expires_at < _LATEST:
            raise ExpiryPassed
        if self.models is not None and not _are_models(self.models):
            raise KeyModelsInvalid(most=MOST_MODELS)
        wanted = self.permissions
        if wanted is not None and not (wanted and wanted <= KEY_PERMISSIONS):
            raise KeyPermissionsInvalid(possible=", ".join(sorted(KEY_PERMISSIONS)))
        if self.expires_at is None:
            return self
        return replace(self, expires_at=self.expires_at.astimezone(UTC))


def _are_models(names: Collection[str]) -> bool:
    return 0 < len(names) <= MOST_MODELS and all(
        name and name == one_line(name) and len(name) <= _LONGEST_MODEL for name in names
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key. It ends with its user, and while its user is no member of its organization."""

    id: ApiKeyId
    user_id: UserId
    organization_id: OrganizationId | None
    """The workspace it works in; ``None`` is its user's personal one."""
    name: str
    key_prefix: str
    key_hash: str
    """SHA-256 of the key, in lower-case hexadecimal: the key itself is not kept."""
    scope: KeyScope
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @classmethod
    def make(
        cls,
        key: str,
        *,
        id: ApiKeyId,
        key_hash: str,
        user_id: UserId,
        organization_id: OrganizationId | None,
        name: str,
        scope: KeyScope,
        at: datetime,
    ) -> Self:
        """Return what is kept of ``key``; raises like `named` and `KeyScope.possible`."""
        return cls(
            id=id,
            user_id=user_id,
            organization_id=organization_id,
            name=name_of(name, longest=LONGEST_KEY_NAME),
            key_prefix=key[:_SHOWN],
            key_hash=key_hash,
            scope=scope.possible(now=at),
            created_at=at,
        )

    def named(self, name: str) -> Self:
        """Return it with another name.

        Raises:
            NameRequired: Nothing is left of it.
            NameTooLong: It has more than `LONGEST_KEY_NAME` characters.
        """
        return replace(self, name=name_of(name, longest=LONGEST_KEY_NAME))
