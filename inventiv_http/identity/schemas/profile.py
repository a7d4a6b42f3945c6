"""One's profile and password on the wire."""

import msgspec
from msgspec import UNSET, UnsetType


class ProfileChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /auth/me``: what is left out stays, and a name that is null goes."""

    username: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    first_name: str | UnsetType | None = UNSET
    last_name: str | UnsetType | None = UNSET

    @property
    def given(self) -> dict[str, str | None]:
        """What is not left out."""
        values = {
            "username": self.username,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
        }
        return {name: value for name, value in values.items() if value is not UNSET}


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /auth/me/password``."""

    current_password: str
    new_password: str
