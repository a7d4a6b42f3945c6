"""What can go wrong with passwords."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Invalid


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
