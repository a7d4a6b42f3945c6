"""Passwords, hashed with Argon2id (RFC 9106)."""

import asyncio
from functools import cached_property

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from inventiv_core.identity.ports import PasswordHasher


class Argon2Passwords(PasswordHasher):
    """Argon2id with the library's current parameters, off the event loop."""

    def __init__(self, argon2: Argon2 | None = None) -> None:
        self._argon2 = argon2 or Argon2()

    async def hash(self, password: str) -> str:
        return await asyncio.to_thread(self._argon2.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        known = password_hash is not None
        return await asyncio.to_thread(self._matches, password, password_hash) and known

    @cached_property
    def _nobodys_hash(self) -> str:
        """A hash to compare with where there is none, so that it takes as long."""
        return self._argon2.hash("nobody's password")

    def _matches(self, password: str, password_hash: str | None) -> bool:
        against = self._nobodys_hash if password_hash is None else password_hash
        try:
            return self._argon2.verify(against, password)
        except (VerificationError, InvalidHashError):
            return False


def quick() -> Argon2Passwords:
    """Return a hasher that costs next to nothing: for tests only."""
    return Argon2Passwords(Argon2(time_cost=1, memory_cost=8, parallelism=1))
