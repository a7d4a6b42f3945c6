"""Passwords."""

from typing import Literal

import pytest
from argon2 import PasswordHasher

from inventiv_adapters.identity.argon2 import Argon2Passwords, quick


class CountingArgon2(PasswordHasher):
    """Counts how often it was made to work."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.verified += 1
        return super().verify(hash, password)


async def test_a_password_has_its_own_hash_and_no_other() -> None:
    passwords = quick()
    stored = await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", stored)
    assert not await passwords.verify("Correct horse", stored)


async def test_hashes_are_salted_and_say_how_they_were_made() -> None:
    passwords = quick()
    first, second = await passwords.hash("same"), await passwords.hash("same")
    assert first != second
    assert first.startswith("$argon2id$")


async def test_a_hash_made_with_other_parameters_still_counts() -> None:
    costly = Argon2Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=2))
    stored = await costly.hash("secret")
    assert await quick().verify("secret", stored)


@pytest.mark.parametrize("stored", [None, "", "-", "$argon2id$v=19$garbage"])
@pytest.mark.parametrize("password", ["", "nobody's password"])
async def test_nobody_signs_in_without_a_hash(stored: str | None, password: str) -> None:
    assert not await quick().verify(password, stored)


async def test_where_there_is_no_hash_it_takes_as_long() -> None:
    argon2 = CountingArgon2()
    passwords = Argon2Passwords(argon2)
    await passwords.verify("guess", None)
    await passwords.verify("guess", await passwords.hash("password"))
    assert argon2.verified == 2
