"""Passwords, hashed; resets, kept."""

from datetime import datetime
from typing import Protocol

from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.passwords import PasswordReset


class PasswordHasher(Protocol):
    """Turns passwords into hashes that cannot be turned back."""

    async def hash(self, password: str) -> str:
        """Return a salted hash, with its parameters inside."""
        ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password has that hash; without one, take as long and say no."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether ``hash`` would make a stronger one today: of another kind, or cost."""
        ...


class PasswordResetRepository(Protocol):
    """Resets that wait to be used: at most one for each user."""

    async def put(self, reset: PasswordReset) -> None:
        """Store a reset; the one that its user had before is no more."""
        ...

    async def find(self, token_hash: str, *, now: datetime) -> PasswordReset | None:
        """Return the reset of that token, if it has not expired."""
        ...

    async def take(self, token_hash: str, *, now: datetime) -> bool:
        """Use the reset of that token up; tell whether there was one that had not expired.

        Of two who take the same, one is told that there was none.
        """
        ...

    async def withdraw(self, user_id: UserId) -> None:
        """Have the user's reset be no more, if there is one."""
        ...

    async def forget(self, *, expired_before: datetime) -> int:
        """Drop resets that expired before that instant; return how many."""
        ...
