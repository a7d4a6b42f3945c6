"""Passwords: one rule for all of them, wherever one is chosen."""

from typing import Final

from inventiv_core.identity.errors.passwords import (
    PasswordBlank,
    PasswordTooLong,
    PasswordTooShort,
)

FEWEST_CHARACTERS: Final = 8
MOST_BYTES: Final = 1024
"""In UTF-8: far more than a sentence, and little enough to hash."""


def must_be_good(password: str) -> None:
    """Return if somebody may choose this password.

    Spaces around it are part of it: no password is ever trimmed, neither here nor at the door.

    Raises:
        PasswordBlank: There is nothing in it.
        PasswordTooShort: It has fewer than `FEWEST_CHARACTERS` characters.
        PasswordTooLong: It takes more than `MOST_BYTES` bytes.
    """
    if not password.strip():
        raise PasswordBlank
    if len(password) < FEWEST_CHARACTERS:
        raise PasswordTooShort(least=FEWEST_CHARACTERS)
    if len(password.encode(errors="replace")) > MOST_BYTES:
        raise PasswordTooLong(most_bytes=MOST_BYTES)
