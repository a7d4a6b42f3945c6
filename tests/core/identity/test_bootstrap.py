"""The first start, and all later ones."""

from dataclasses import replace

import pytest

from inventiv_core.identity.access import PLATFORM, PlatformRole, Role
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.identity.errors.sessions import InvalidCredentials
from inventiv_core.identity.errors.users import LoginTaken
from inventiv_core.identity.use_cases.bootstrap import FirstAdmin
from tests.builders import ALICE, PASSWORD, an_actor
from tests.core.accidents import Accidents, MortalUnitOfWork
from tests.core.identity.door import CALLER, Door

FIRST = FirstAdmin(
    username="admin",
    email="admin@example.org",
    first_name="Ada",
    last_name=None,
    password=PASSWORD,
    organization_name="First",
    organization_slug="first",
)


async def test_the_first_administrator_owns_the_first_organization(door: Door) -> None:
    made = await door.bootstrap(FIRST, actor=PLATFORM)
    assert made.created
    assert (made.user.username, made.user.role) == ("admin", PlatformRole.ADMIN)
    known = await door.recognise((await door.sign_in("admin")).token, actor=CALLER)
    assert known.session.organization_slug == "first"
    assert known.session.organization_role is Role.OWNER


async def test_a_second_start_changes_nothing(door: Door) -> None:
    await door.bootstrap(FIRST, actor=PLATFORM)
    users = door.users
    organizations = dict(door.database.table(Organization))
    again = await door.bootstrap(replace(FIRST, password="new", email="new@x"), actor=PLATFORM)
    assert not again.created
    assert door.users == users
    assert door.database.table(Organization) == organizations
    await door.sign_in("admin")


async def test_a_password_is_set_again_only_on_request(door: Door) -> None:
    first = await door.bootstrap(FIRST, actor=PLATFORM)
    changed = replace(FIRST, password="new", email="new@example.org", first_name="Grace")
    again = await door.bootstrap(changed, update_password=True, actor=PLATFORM)
    assert not again.created
    assert again.user == replace(
        first.user,
        password_hash="hash of new",
        email="new@example.org",
        first_name="Grace",
        updated_at=again.user.updated_at,
    )
    assert again.user in door.users
    with pytest.raises(InvalidCredentials):
        await door.sign_in("admin")


async def test_whoever_has_the_name_already_keeps_what_they_are(door: Door) -> None:
    made = await door.bootstrap(replace(FIRST, username="alice"), actor=PLATFORM)
    assert (made.user.id, made.user.role, made.created) == (ALICE, PlatformRole.USER, False)
    assert made.user in door.users


async def test_an_organization_of_that_name_is_joined_not_made_twice(door: Door) -> None:
    await door.bootstrap(replace(FIRST, organization_slug="acme"), actor=PLATFORM)
    slugs = [organization.slug for organization in door.database.table(Organization).values()]
    assert sorted(slugs) == ["acme", "other"]
    known = await door.recognise((await door.sign_in("admin")).token, actor=CALLER)
    assert known.session.organization_slug == "acme"


async def test_only_the_platform_itself_may_do_this(door: Door) -> None:
    with pytest.raises(PermissionMissing):
        await door.bootstrap(FIRST, actor=an_actor())


async def test_two_first_starts_at_once_make_one_administrator_of_one_organization() -> None:
    for place in range(12):
        rivals = Door()
        accidents = Accidents()
        slow = replace(
            rivals.bootstrap, unit_of_work=MortalUnitOfWork(rivals.unit_of_work, accidents)
        )

        async def overtake(rivals: Door = rivals) -> None:
            await rivals.bootstrap(FIRST, actor=PLATFORM)

        accidents.happen(overtake, at=place)
        made = await slow(FIRST, actor=PLATFORM)
        assert rivals.users == [made.user], place
        assert len(rivals.database.table(Organization)) == 1, place
        known = await rivals.recognise((await rivals.sign_in("admin")).token, actor=CALLER)
        assert known.session.organization_role is Role.OWNER, place


async def test_an_address_that_is_somebody_else_s_is_no_administrator_s(door: Door) -> None:
    with pytest.raises(LoginTaken):
        await door.bootstrap(replace(FIRST, email="alice@example.org"), actor=PLATFORM)
    assert len(door.users) == 1
