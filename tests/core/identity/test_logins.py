"""Guessing passwords: how often one may, and what a good one changes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from inventiv_core.identity.entities.acts import ActKind
from inventiv_core.identity.entities.attempts import Allowance, Attempts
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.access import TooManyAttempts
from inventiv_core.identity.errors.sessions import InvalidCredentials
from tests.builders import ALICE, NOON, PASSWORD
from tests.core.identity.door import CALLER, LOGINS, Door

WINDOW = LOGINS.per_account.window
MOST = LOGINS.per_account.most


async def guess(door: Door, login: str = "alice", *, ip: str = "192.0.2.1") -> None:
    with pytest.raises(InvalidCredentials):
        await door.log_in(login, "wrong", actor=Caller(ip_address=ip))


@pytest.mark.parametrize("login", ["alice", "nobody"])
async def test_after_some_guesses_not_even_the_password_lets_in(door: Door, login: str) -> None:
    for number in range(MOST):
        await guess(door, login, ip=f"192.0.2.{number}")
    compared = len(door.passwords.compared)
    with pytest.raises(TooManyAttempts) as refusal:
        await door.log_in(login, PASSWORD, actor=CALLER)
    assert refusal.value.retry_after_s == WINDOW.total_seconds()
    assert len(door.passwords.compared) == compared  # and it costs nothing


async def test_when_the_window_has_passed_one_may_again(door: Door) -> None:
    for _ in range(MOST):
        await guess(door)
    door.clock.advance(WINDOW - timedelta(seconds=1))
    with pytest.raises(TooManyAttempts) as refusal:
        await door.sign_in()
    assert refusal.value.retry_after_s == 1
    door.clock.advance(timedelta(seconds=1))
    await door.sign_in()


async def test_a_good_login_forgives_the_account_and_takes_itself_back_from_the_address(
    door: Door,
) -> None:
    for _ in range(3 * MOST):
        for _ in range(MOST - 1):
            await guess(door, ip="192.0.2.1")
            door.clock.advance(timedelta(seconds=1))
        await door.log_in("alice", PASSWORD, actor=Caller(ip_address="192.0.2.1"))
        if door.clock.now() > NOON + timedelta(seconds=6):
            break
    for _ in range(LOGINS.per_address.most):  # good ones use nothing up
        await door.log_in("alice", PASSWORD, actor=CALLER)


async def test_one_address_cannot_guess_at_everybody(door: Door) -> None:
    for number in range(LOGINS.per_address.most):
        await guess(door, f"user-{number}")
    with pytest.raises(TooManyAttempts):
        await door.log_in("alice", PASSWORD, actor=Caller(ip_address="192.0.2.1"))
    await door.log_in("alice", PASSWORD, actor=Caller(ip_address="192.0.2.2"))


async def test_of_many_guesses_at_once_no_more_are_looked_at_than_one_after_the_other(
    door: Door,
) -> None:
    outcomes = await asyncio.gather(
        *(door.log_in("alice", f"guess {n}", actor=CALLER) for n in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, InvalidCredentials) for outcome in outcomes) == MOST
    assert sum(isinstance(outcome, TooManyAttempts) for outcome in outcomes) == 20 - MOST
    assert len(door.passwords.compared) == MOST


async def test_a_name_of_any_length_is_counted_and_found_to_be_nobody_s(door: Door) -> None:
    for _ in range(MOST):
        await guess(door, "x" * 5000)
    with pytest.raises(TooManyAttempts):
        await door.log_in("x" * 5000, PASSWORD, actor=CALLER)


async def test_an_outdated_hash_is_replaced_by_a_good_login_and_by_nothing_else(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    [alice] = door.users
    door.database.table(type(alice))[ALICE] = replace(alice, password_hash="old")

    async def verify(password: str, password_hash: str | None) -> bool:
        return (password, password_hash) in {(PASSWORD, "old"), (PASSWORD, f"hash of {PASSWORD}")}

    monkeypatch.setattr(door.passwords, "verify", verify)
    await guess(door)
    assert door.users[0].password_hash == "old"
    await door.sign_in()
    assert door.users[0].password_hash == f"hash of {PASSWORD}"
    assert door.users[0].updated_at == alice.updated_at
    await door.sign_in()


async def test_a_password_that_was_changed_while_it_was_verified_is_the_wrong_one(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def verify(password: str, password_hash: str | None) -> bool:
        [alice] = door.users
        door.database.table(type(alice))[ALICE] = replace(alice, password_hash="hash of new")
        return True

    monkeypatch.setattr(door.passwords, "verify", verify)
    with pytest.raises(InvalidCredentials):
        await door.sign_in()
    assert not door.sessions
    assert ActKind.LOGIN not in {act.kind for act in door.acts}


@drawn(
    most=st.integers(1, 5),
    count=st.integers(0, 10),
    age=st.timedeltas(timedelta(0), timedelta(minutes=15)),
)
def test_an_allowance_says_how_long_to_wait(most: int, count: int, age: timedelta) -> None:
    allowance = Allowance(most=most, window=timedelta(minutes=15))
    made = Attempts(count=count, since=NOON)
    if count <= most:
        allowance.must_cover(made, now=NOON + age)
        return
    with pytest.raises(TooManyAttempts) as refusal:
        allowance.must_cover(made, now=NOON + age)
    left = allowance.window - age
    assert refusal.value.retry_after_s >= max(left.total_seconds(), 1)
    assert refusal.value.retry_after_s < left.total_seconds() + 2
