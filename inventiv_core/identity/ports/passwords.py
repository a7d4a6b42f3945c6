"""Passwords, hashed."""

from typing import Protocol


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
