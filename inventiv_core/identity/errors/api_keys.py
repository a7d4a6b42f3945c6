"""What can go wrong with API keys."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class ApiKeyNotFound(NotFound):
    """There is no such key, or it was revoked."""


@dataclass(eq=False, kw_only=True)
class ExpiryPassed(Invalid):
    """A key can expire in the future only, and before the year 9999."""


@dataclass(eq=False, kw_only=True)
class KeyModelsInvalid(Invalid):
    """Name one model at least, or leave them out for all of them."""

    most: int


@dataclass(eq=False, kw_only=True)
class KeyPermissionsInvalid(Invalid):
    """Name at least one of the permissions that keys may have, or leave them out for all."""

    possible: str
