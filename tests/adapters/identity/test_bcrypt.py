"""Passwords of earlier servers, which had bcrypt: verified as they are, and hashed anew."""

import bcrypt
import pytest

from inventiv_adapters.identity.argon2 import quick

PASSWORD = "correct horse"
VECTOR = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
"""Of "U*U": a test vector of Openwall's crypt_blowfish, which pgcrypto has, too."""


def hashed(password: str, *, cost: int = 4, prefix: str = "$2b$") -> str:
    """Return a hash as some library of bcrypt writes it."""
    modern = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()
    return prefix + modern.removeprefix("$2b$")


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
@pytest.mark.parametrize("cost", [4, 6, 8, 10, 12])
async def test_hashes_of_any_cost_and_library_are_verified(prefix: str, cost: int) -> None:
    stored = hashed(PASSWORD, cost=cost, prefix=prefix)
    assert await quick().verify(PASSWORD, stored)
    assert quick().is_outdated(stored)


@pytest.mark.parametrize("wrong", ["", "correct hors", "Correct horse", PASSWORD + " ", "\0"])
async def test_another_password_is_another_one(wrong: str) -> None:
    assert not await quick().verify(wrong, hashed(PASSWORD))


async def test_a_hash_that_was_published_is_verified() -> None:
    assert await quick().verify("U*U", VECTOR)
    assert not await quick().verify("U*U*", VECTOR)


@pytest.mark.parametrize("letter", ["x", "é"])
async def test_bcrypt_has_looked_at_seventy_two_bytes_and_so_do_we(letter: str) -> None:
    long = letter * 100
    stored = hashed(long)
    alike = long.encode()[:72].decode() + "something else"
    different = long.encode()[:70].decode() + "something else"
    assert await quick().verify(long, stored)
    assert await quick().verify(alike, stored)
    assert not await quick().verify(different, stored)


@pytest.mark.parametrize(
    "damaged",
    [
        "$2a$",
        "$2b$99$" + "x" * 53,
        "$2b$04$short",
        "$2y$xx$" + "x" * 53,
        VECTOR[:-1],
        VECTOR[:20],
        "$2b$04$" + "é" * 53,
    ],
)
async def test_a_damaged_hash_lets_nobody_in_and_breaks_nothing(damaged: str) -> None:
    for password in (PASSWORD, "U*U", "", "x"):
        assert not await quick().verify(password, damaged)
    assert quick().is_outdated(damaged)


async def test_what_we_hash_today_is_not_outdated() -> None:
    passwords = quick()
    assert not passwords.is_outdated(await passwords.hash(PASSWORD))
    for other in ("", "-", "$argon2id$v=19$garbage", await passwords.hash("x") + "x"):
        assert passwords.is_outdated(other) or other.startswith("$argon2id$v=19$m=8")
