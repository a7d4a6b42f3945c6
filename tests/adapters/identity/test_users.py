"""Users: what their ports promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import PlatformRole, UserId
from tests.builders import (
    NOON,
    a_user,
)

HOUR = timedelta(hours=1)
BOB = UserId(UUID(int=0xB0B))


@pytest.mark.parametrize("login", ["alice", "alice@example.org"])
async def test_users_are_found_by_name_and_by_address(adapters: Any, login: str) -> None:
    alice = replace(a_user(), first_name="Alice", last_name="Liddell", role=PlatformRole.ADMIN)
    async with adapters.unit_of_work()() as work:
        await work.users.add(alice)
        await work.users.add(a_user(id=BOB, username="bob"))
        assert await work.users.find_by_login(login) == alice


@pytest.mark.parametrize("login", ["Alice", "alic", "example.org", ""])
async def test_a_login_matches_exactly_or_not_at_all(adapters: Any, login: str) -> None:
    async with adapters.unit_of_work()() as work:
        await work.users.add(a_user())
        assert await work.users.find_by_login(login) is None


async def test_a_saved_user_replaces_the_one_before(adapters: Any) -> None:
    changed = replace(
        a_user(username="alicia", password_hash="new", role=PlatformRole.ADMIN),
        first_name="Alice",
        last_name="Liddell",
        updated_at=NOON + HOUR,
    )
    async with adapters.unit_of_work()() as work:
        await work.users.add(a_user())
        await work.users.save(changed)
        assert await work.users.find_by_login("alice") is None
        assert await work.users.find_by_login("alicia@example.org") == changed
