"""What can go wrong with passwords."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class PasswordTooShort(Invalid):
    """This password has too few characters."""

    kind = "invalid_password"

    least: int
    """Characters, however many bytes each of them takes."""


@dataclass(eq=False, kw_only=True)
class PasswordTooLong(Invalid):
    """This password is longer than anybody could remember."""

    kind = "invalid_password"

    most_bytes: int


@dataclass(eq=False, kw_only=True)
class PasswordBlank(Invalid):
    """This password has nothing in it but spaces."""

    kind = "invalid_password"


@dataclass(eq=False, kw_only=True)
class CurrentPasswordInvalid(Invalid):
    """The current password is another one."""

    kind = "invalid_current_password"


@dataclass(eq=False, kw_only=True)
class PasswordsRequired(Invalid):
    """Both the current password and the new one are needed."""


@dataclass(eq=False, kw_only=True)
class TokenAndPasswordRequired(Invalid):
    """Both the token of the link and a new password are needed."""


@dataclass(eq=False, kw_only=True)
class TokenNotFoundOrExpired(NotFound):
    """This link was used, has expired, or never was one: ask for another one."""

    kind = "invalid_token"
