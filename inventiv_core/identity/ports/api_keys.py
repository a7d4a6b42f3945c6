"""API keys, kept, found and drawn."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.identity.entities.api_keys import ApiKey
from inventiv_core.identity.views.api_keys import ApiKeyRow, KeyDetails
from inventiv_core.kernel.pagination import Rows, Window


class ApiKeyRepository(Protocol):
    """All keys, one at a time."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    async def lock(self, key_id: ApiKeyId, *, user_id: UserId) -> ApiKey | None:
        """Return a key of the user's, and let nobody else change it until the end of the work."""
        ...

    async def lock_in(self, key_id: ApiKeyId, *, owner: OrganizationId) -> ApiKey | None:
        """Like `lock`, for a key of the organization's, whosoever it is."""
        ...

    async def save(self, key: ApiKey) -> None:
        """Replace the name, the scope and the end of a key by what they are now."""
        ...

    async def end_membership(
        self, organization_id: OrganizationId, user_id: UserId | None, *, at: datetime
    ) -> int:
        """Revoke what keys a user has in an organization; without a user, everybody's.

        Returns how many; those that have ended stay as they are.
        """
        ...

    async def touch(self, seen: Mapping[ApiKeyId, datetime]) -> None:
        """Note when keys were used, in one statement; an earlier use than known is no news."""
        ...


class ApiKeyQueries(Protocol):
    """Keys as people look at them, and as they are recognised. Reads only."""

    async def list(self, user_id: UserId, *, limit: int) -> Sequence[ApiKeyRow]:
        """List all keys of a user, revoked ones included, the newest first."""
        ...

    async def search(self, user_id: UserId, window: Window) -> Rows[ApiKeyRow]:
        """Find keys of a user, sorted by one of `api_key_keys`."""
        ...

    async def of_organization(
        self, organization_id: OrganizationId, *, limit: int
    ) -> Sequence[ApiKeyRow]:
        """List all keys of an organization, revoked ones included, the newest first."""
        ...

    async def find(self, key_hash: str, *, now: datetime) -> KeyDetails | None:
        """Return the key of that hash, in one statement, if it is good.

        It is while it is neither revoked nor expired, and its user belongs to its organization.
        """
        ...


class ApiKeySecrets(Protocol):
    """Draws keys, and hashes them."""

    def draw(self) -> str:
        """Return a new key, which nobody can guess: ``sk-inv-`` and 64 hexadecimal digits."""
        ...

    def hash(self, key: str) -> str:
        """Return what the database keeps of ``key``."""
        ...
