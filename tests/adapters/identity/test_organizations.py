"""Organizations: what their ports promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from inventiv_core.identity.access import UserId
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_membership,
    a_user,
    an_organization,
    given_teams,
)

HOUR = timedelta(hours=1)
BOB = UserId(UUID(int=0xB0B))


async def test_organizations_are_found_by_slug(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work())
    async with adapters.unit_of_work()() as work:
        assert await work.organizations.find_by_slug("acme") == an_organization()
        assert await work.organizations.find_by_slug("Acme") is None


async def test_memberships_are_listed_oldest_first(adapters: Any) -> None:
    later = replace(a_membership(organization=OTHER), created_at=NOON - HOUR)
    await given_teams(adapters.unit_of_work(), later, a_user(id=BOB, username="bob"))
    async with adapters.unit_of_work()() as work:
        assert await work.organizations.of_member(ALICE) == [OTHER, ACME]
        assert await work.organizations.of_member(BOB) == []


async def test_memberships_of_the_same_instant_are_listed_by_organization(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work(), a_membership(organization=OTHER))
    async with adapters.unit_of_work()() as work:
        assert await work.organizations.of_member(ALICE) == sorted([ACME, OTHER])
