"""Passwords: what may be one."""

import pytest

from inventiv_core.identity.entities.passwords import must_be_good
from inventiv_core.identity.errors.passwords import (
    PasswordBlank,
    PasswordTooLong,
    PasswordTooShort,
)
from inventiv_core.kernel.errors import DomainError


@pytest.mark.parametrize("good", ["12345678", "é" * 8, "1234567 ", " " * 7 + "x", "x" * 1024])
def test_eight_characters_are_enough_and_spaces_count(good: str) -> None:
    must_be_good(good)


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        ("", PasswordBlank),
        (" " * 9, PasswordBlank),
        ("\t\n" * 9, PasswordBlank),
        ("1234567", PasswordTooShort),
        ("é" * 7, PasswordTooShort),  # fourteen bytes
        ("x" * 1025, PasswordTooLong),
        ("é" * 513, PasswordTooLong),
    ],
)
def test_some_passwords_are_none(bad: str, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal) as refused:
        must_be_good(bad)
    assert refused.value.kind == "invalid_password"
    assert bad.strip() == "" or bad not in f"{refused.value} {refused.value.facts}"


def test_clients_know_the_code_of_a_short_one() -> None:
    assert PasswordTooShort.code == "password_too_short"
