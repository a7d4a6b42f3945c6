"""Passwords, hashed with Argon2id (RFC 9106); bcrypt's, of earlier servers, are still verified."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from inventiv_core.identity.ports.passwords import PasswordHasher

_BCRYPT: Final = ("$2a$", "$2b$", "$2y$")
_BCRYPT_BYTES: Final = 72
"""All that bcrypt has ever looked at; its library refuses longer ones since version 5."""


class Argon2Passwords(PasswordHasher):
    """Argon2id with the library's current parameters, off the event loop.

    As many at a time as there are processors: each takes some tens of megabytes.
    """

    def __init__(self, argon2: Argon2 | None = None) -> None:
        self._argon2 = argon2 or Argon2()
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._argon2.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        loop = asyncio.get_running_loop()
        against = self._nobodys_hash if password_hash is None else password_hash
        matches = await loop.run_in_executor(self._threads, self._matches, password, against)
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        if password_hash.startswith(_BCRYPT):
            return True
        try:
            return self._argon2.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True

    @cached_property
    def _nobodys_hash(self) -> str:
        """A hash to compare with where there is none, so that it takes as long."""
        return self._argon2.hash("nobody's password")

    def _matches(self, password: str, password_hash: str) -> bool:
        if password_hash.startswith(_BCRYPT):
            matches = _matches_bcrypt(password, password_hash)
            # so that accounts which still have one do not answer faster than the others
            self._matches(password, self._nobodys_hash)
            return matches
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _matches_bcrypt(password: str, password_hash: str) -> bool:
    import bcrypt  # noqa: PLC0415 - only databases of earlier servers have such hashes

    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], password_hash.encode())
    except ValueError:  # a damaged hash
        return False


def quick() -> Argon2Passwords:
    """Return a hasher that costs next to nothing: for tests only."""
    return Argon2Passwords(Argon2(time_cost=1, memory_cost=8, parallelism=1))
