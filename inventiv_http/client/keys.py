"""API keys, and how much may be used with them and otherwise."""

from datetime import datetime
from types import NoneType
from typing import TypedDict

from inventiv_http.client.calls import Call, call


class ApiKey(TypedDict):
    """What a key is known by; without an organization it works in the personal workspace."""

    id: str
    name: str
    key_prefix: str
    organization_id: str | None
    organization_name: str | None
    models: list[str] | None
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None


class OrganizationKey(TypedDict):
    """A key of the organization, and whose it is."""

    key: ApiKey
    username: str


class MadeApiKey(TypedDict):
    """A key that was just made; it is said this once."""

    key: ApiKey
    api_key: str


class Limit(TypedDict):
    """How much of models may be used; what is null has no limit."""

    id: str
    set_by: str
    organization_id: str | None
    user_id: str | None
    api_key_id: str | None
    model: str | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_calls: int | None
    tokens_per_day: int | None
    tokens_per_month: int | None
    eur_per_day: float | None
    eur_per_month: float | None


class LimitChanges(TypedDict, total=False):
    """Whom or what to limit, and how much; what is not named stays, and null takes it away."""

    user_id: str
    api_key_id: str
    model: str | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_calls: int | None
    tokens_per_day: int | None
    tokens_per_month: int | None
    eur_per_day: float | None
    eur_per_month: float | None


class Keys:
    """What programs call with, and how much they may."""

    @call
    def api_keys(self) -> Call[list[ApiKey]]:
        """List the caller's API keys, newest first."""
        return Call(path="/api_keys", answer=list[ApiKey])

    @call
    def create_api_key(
        self, name: str, *, expires_at: datetime | None = None, models: list[str] | None = None
    ) -> Call[MadeApiKey]:
        """Make an API key for the current workspace, for ever and all models unless it is said."""
        expiry = None if expires_at is None else expires_at.isoformat()
        return Call(
            method="POST",
            path="/api_keys",
            body={"name": name, "expires_at": expiry, "models": models},
            answer=MadeApiKey,
        )

    @call
    def revoke_api_key(self, key_id: str) -> Call[None]:
        """End an API key."""
        return Call(
            method="DELETE", path="/api_keys/{key_id}", ids={"key_id": key_id}, answer=NoneType
        )

    @call
    def organization_keys(self) -> Call[list[OrganizationKey]]:
        """List the keys of the current organization, newest first."""
        return Call(path="/organizations/current/api_keys", answer=list[OrganizationKey])

    @call
    def limits(self) -> Call[list[Limit]]:
        """List what limits the current organization."""
        return Call(path="/organizations/current/limits", answer=list[Limit])

    @call
    def set_limit(self, changes: LimitChanges) -> Call[Limit]:
        """Limit the current organization, or somebody or something in it."""
        return Call(
            method="PUT", path="/organizations/current/limits", body={**changes}, answer=Limit
        )

    @call
    def remove_limit(self, limit_id: str) -> Call[None]:
        """Take a limit away."""
        return Call(
            method="DELETE",
            path="/organizations/current/limits/{limit_id}",
            ids={"limit_id": limit_id},
            answer=NoneType,
        )
