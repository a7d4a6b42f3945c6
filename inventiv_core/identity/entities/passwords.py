"""Passwords: one rule for all of them, wherever one is chosen; and ways back in without one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NewType
from uuid import UUID

from inventiv_core.identity.access import UserId
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


PasswordResetId = NewType("PasswordResetId", UUID)

RESET_LIFETIME: Final = timedelta(hours=1)
"""How long the link of a reset is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset:
    """The right to choose another password, once: whoever has the token has it.

    A user has one at a time: another one, or another password, ends it.
    """

    id: PasswordResetId
    user_id: UserId
    token_hash: str
    """The token is derived from the id, and not kept."""
    created_at: datetime
    expires_at: datetime
