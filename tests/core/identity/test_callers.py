"""Who calls where API keys may."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

import pytest

from inventiv_core.identity.access import (
    KEY_PERMISSIONS,
    ROLE_PERMISSIONS,
    Actor,
    ApiKeyId,
    Permission,
    Role,
    UserId,
)
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope, is_api_key
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.identity.errors.api_keys import (
    ApiKeyNotFound,
    ExpiryPassed,
    KeyModelsInvalid,
    KeyPermissionsInvalid,
)
from inventiv_core.identity.errors.names import NameRequired, NameTooLong
from inventiv_core.identity.errors.sessions import (
    ApiKeyOrLoginRequired,
    NotAMember,
    SessionInvalidOrExpired,
)
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.use_cases.api_keys import KeyChange
from inventiv_core.identity.use_cases.callers import Presented, actor_with
from inventiv_core.identity.views.api_keys import KeyDetails
from inventiv_core.kernel.pagination import PageRequest
from tests.builders import ACME, ALICE, NOON, OTHER, a_membership, a_number, a_user, an_actor
from tests.builders import given as given_things
from tests.core.identity.door import CALLER, Door

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@dataclass
class Ways:
    """Credentials of Alice, each for another workspace, and some that are good for nothing."""

    session: str
    key: str
    other_key: str


@pytest.fixture
async def ways(door: Door) -> Ways:
    signed_in = await door.sign_in()
    made = [await door.create_api_key("k", KeyScope(), actor=an_actor()) for _ in range(2)]
    return Ways(session=signed_in.token, key=made[0].key, other_key=made[1].key)


def way_of(actor: Actor) -> str:
    return "session" if actor.session_id is not None else "key"


CREDENTIALS = ["session", "key", "bad session", "bad key", None]


@pytest.mark.parametrize(
    ("cookie", "header", "bearer"), list(product(CREDENTIALS, CREDENTIALS, CREDENTIALS))
)
async def test_the_first_credential_that_is_good_counts(
    door: Door, ways: Ways, cookie: str | None, header: str | None, bearer: str | None
) -> None:
    texts = {
        "session": ways.session, "key": ways.key, "bad session": "nonsense",
        "bad key": "sk-inv-" + "0" * 64, None: None,
    }  # fmt: skip
    presented = Presented(cookie=texts[cookie], api_key=texts[header], bearer=texts[bearer])
    good = [
        *(["session"] if cookie == "session" else []),
        *(["key"] if header == "key" else []),
        *([bearer] if bearer in {"session", "key"} else []),
    ]
    expected = good[0] if good else None
    if expected is None:
        with pytest.raises(ApiKeyOrLoginRequired):
            await door.recognise_caller(presented, actor=CALLER)
        return
    actor = await door.recognise_caller(presented, actor=CALLER)
    assert (way_of(actor), actor.user_id, actor.organization_id) == (expected, ALICE, ACME)
    assert actor.source_ip == CALLER.ip_address


@pytest.mark.parametrize("role", [*Role, None])
def test_a_key_allows_no_more_than_its_user_and_no_more_than_it_says(role: Role | None) -> None:
    details = KeyDetails(
        api_key_id=ApiKeyId(a_number()),
        user_id=ALICE,
        username="alice",
        organization_id=None if role is None else ACME,
        role=role,
        models=frozenset({"a"}),
        permissions=None,
        last_used_at=None,
        expires_at=None,
    )
    actor = actor_with(details)
    may = {Permission.INFER, Permission.USE_WORKBENCH}
    assert actor.permissions == ROLE_PERMISSIONS[role] & KEY_PERMISSIONS == may
    assert actor.api_key_id == details.api_key_id
    assert (actor.models, actor.name) == (details.models, "alice")
    nothing = replace(details, permissions=frozenset({Permission.VIEW_CATALOG}))
    assert actor_with(nothing).permissions == frozenset()


async def test_a_key_is_shown_once_and_only_its_hash_is_kept(door: Door) -> None:
    made = await door.create_api_key(" build  server ", KeyScope(), actor=an_actor())
    assert is_api_key(made.key)
    assert made.api_key.name == "build server"
    assert made.api_key.key_prefix == made.key[:12]
    assert made.key not in repr(door.database.table(ApiKey)) + repr(door.acts)
    act = door.acts[-1]
    assert (act.kind, act.organization_id, act.subject.id) == (
        "API_KEY_CREATED",
        ACME,
        made.api_key.id,
    )
    again = await door.create_api_key("build server", KeyScope(), actor=an_actor())
    assert again.key != made.key


@pytest.mark.parametrize(
    ("name", "scope", "refusal"),
    [
        ("", KeyScope(), NameRequired),
        (" \t", KeyScope(), NameRequired),
        ("x" * 101, KeyScope(), NameTooLong),
        ("k", KeyScope(expires_at=NOON), ExpiryPassed),
        ("k", KeyScope(models=frozenset()), KeyModelsInvalid),
        ("k", KeyScope(expires_at=NOON.replace(year=9999)), ExpiryPassed),
        ("k", KeyScope(models=frozenset({" "})), KeyModelsInvalid),
        ("k", KeyScope(models=frozenset({"a\0"})), KeyModelsInvalid),
        ("k", KeyScope(models=frozenset({"a\nb"})), KeyModelsInvalid),
        ("k", KeyScope(models=frozenset({"x" * 513})), KeyModelsInvalid),
        ("k", KeyScope(models=frozenset(map(str, range(101)))), KeyModelsInvalid),
        ("k", KeyScope(permissions=frozenset()), KeyPermissionsInvalid),
        (
            "k", KeyScope(permissions=frozenset({Permission.MANAGE_INSTANCES})),
            KeyPermissionsInvalid,
        ),
    ],
)  # fmt: skip
async def test_a_key_that_cannot_be_is_refused(
    door: Door, name: str, scope: KeyScope, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await door.create_api_key(name, scope, actor=an_actor())
    assert not door.database.table(ApiKey)


async def test_what_a_key_is_for_can_be_changed_field_by_field(door: Door) -> None:
    later = NOON + MINUTE
    made = await door.create_api_key("k", KeyScope(models=frozenset({"a"})), actor=an_actor())
    key_id = made.api_key.id
    change = KeyChange(name="n", scope={"expires_at": later})
    await door.update_api_key(key_id, change, actor=an_actor())
    stored = door.database.table(ApiKey)[key_id]
    assert (stored.name, stored.scope) == (
        "n",
        KeyScope(expires_at=later, models=frozenset({"a"})),
    )
    assert AccessChanged(user_id=ALICE, occurred_at=NOON) in door.told
    assert (door.acts[-1].before, door.acts[-1].after) == (
        {"expires_at": None, "name": "k"},
        {"expires_at": later.isoformat(), "name": "n"},
    )
    await door.update_api_key(key_id, KeyChange(scope={"models": None}), actor=an_actor())
    assert door.database.table(ApiKey)[key_id].scope == KeyScope(expires_at=later)
    acts = len(door.acts)
    await door.update_api_key(key_id, KeyChange(name="n", scope={}), actor=an_actor())
    assert len(door.acts) == acts


async def test_a_key_is_its_user_s_to_change_and_to_end(door: Door) -> None:
    made = await door.create_api_key("k", KeyScope(), actor=an_actor())
    somebody = replace(an_actor(), user_id=UserId(a_number()))
    for key_id, actor in ((made.api_key.id, somebody), (ApiKeyId(a_number()), an_actor())):
        with pytest.raises(ApiKeyNotFound):
            await door.revoke_api_key(key_id, actor=actor)
        with pytest.raises(ApiKeyNotFound):
            await door.update_api_key(key_id, KeyChange(name="n", scope={}), actor=actor)
    await door.revoke_api_key(made.api_key.id, actor=an_actor())
    with pytest.raises(ApiKeyNotFound):
        await door.revoke_api_key(made.api_key.id, actor=an_actor())


async def test_an_administrator_ends_the_organization_s_keys_and_no_other(door: Door) -> None:
    ours = await door.create_api_key("k", KeyScope(), actor=an_actor())
    personal = await door.create_api_key("k", KeyScope(), actor=an_actor(None))
    admin = replace(an_actor(Role.ADMIN), user_id=UserId(a_number()))
    stranger = an_actor(organization=OTHER)
    for made, actor in ((personal, admin), (ours, stranger)):
        with pytest.raises(ApiKeyNotFound):
            await door.revoke_organization_key(made.api_key.id, actor=actor)
    await door.revoke_organization_key(ours.api_key.id, actor=admin)
    assert [key.revoked_at for key in door.database.table(ApiKey).values()] == [NOON, None]


async def recognised(door: Door, key: str) -> bool:
    try:
        await door.recognise_caller(Presented(bearer=key), actor=CALLER)
    except ApiKeyOrLoginRequired:
        return False
    return True


async def test_a_key_ends_by_expiry_by_revocation_and_with_the_membership(door: Door) -> None:
    scope = KeyScope(expires_at=NOON + MINUTE)
    short = await door.create_api_key("k", scope, actor=an_actor())
    revoked = await door.create_api_key("k", KeyScope(), actor=an_actor())
    ours = await door.create_api_key("k", KeyScope(), actor=an_actor())
    personal = await door.create_api_key("k", KeyScope(), actor=an_actor(None))
    for made in (short, revoked, ours, personal):
        assert await recognised(door, made.key)
    await door.revoke_api_key(revoked.api_key.id, actor=an_actor())
    assert not await recognised(door, revoked.key)
    door.clock.advance(MINUTE)
    assert not await recognised(door, short.key)
    await door.leave_all()
    assert not await recognised(door, ours.key)
    assert await recognised(door, personal.key)


async def test_a_second_call_asks_nobody(door: Door, ways: Ways) -> None:
    presented = Presented(bearer=ways.key)
    first = await door.recognise_caller(presented, actor=CALLER)
    door.forget_everything()
    elsewhere = Caller(ip_address="198.51.100.7")
    second = await door.recognise_caller(presented, actor=elsewhere)
    assert second == replace(first, source_ip="198.51.100.7")
    door.clock.advance(door.caller_cache)
    assert not await recognised(door, ways.key)


async def test_use_of_keys_is_stored_in_batches(door: Door, ways: Ways) -> None:
    await recognised(door, ways.key)
    await recognised(door, ways.key)
    assert await door.store_uses(actor=door.platform) == 1
    used = [key.last_used_at for key in door.database.table(ApiKey).values()]
    assert used == [NOON, None]


async def test_a_key_that_has_expired_can_be_renamed_and_prolonged(door: Door) -> None:
    alice = await door.actor()
    made = await door.make_key(of=alice, expires_at=NOON + MINUTE)
    door.clock.advance(2 * MINUTE)
    key_id = made.api_key.id
    models = KeyChange(name="old", scope={"models": frozenset({"a"})})
    await door.update_api_key(key_id, models, actor=alice)
    assert not await recognised(door, made.key)
    longer = KeyChange(scope={"expires_at": NOON + 3 * MINUTE})
    await door.update_api_key(key_id, longer, actor=alice)
    assert await recognised(door, made.key)


async def test_nobody_makes_a_key_for_where_they_do_not_belong_any_more(door: Door) -> None:
    alice = await door.actor()
    with pytest.raises(NotAMember):
        await door.make_key(of=replace(alice, organization_id=OTHER))
    gone = replace(alice, user_id=UserId(a_number()), organization_id=None)
    with pytest.raises(SessionInvalidOrExpired):
        await door.make_key(of=gone)
    assert door.keys == []


async def test_a_key_ends_with_the_membership_and_does_not_come_back_with_it(door: Door) -> None:
    alice, bob = await door.actor(), UserId(a_number())
    await given_things(
        door.unit_of_work, a_user(id=bob, username="bob"), a_membership(user=bob, role=Role.USER)
    )
    actor = replace(an_actor(Role.USER), user_id=bob)
    here = await door.make_key(of=actor)
    alone = await door.make_key(of=replace(actor, organization_id=None))
    assert await recognised(door, here.key)
    await door.remove_member(bob, actor=alice)
    assert not await recognised(door, here.key)
    await door.join(a_membership(user=bob))
    assert not await recognised(door, here.key)
    assert await recognised(door, alone.key)
    rows = await door.list_api_keys(actor=actor)
    assert [row.revoked_at is None for row in rows] == [True, False]


async def test_all_keys_end_with_their_organization(door: Door) -> None:
    alice = await door.actor()
    here = await door.make_key(of=alice)
    alone = await door.make_key(of=replace(alice, organization_id=None))
    assert await recognised(door, here.key)
    await door.delete_organization(actor=alice)
    assert not await recognised(door, here.key)
    assert await recognised(door, alone.key)


async def test_a_key_makes_no_keys(door: Door) -> None:
    made = await door.make_key(of=await door.actor())
    key = await door.recognise_key(made.key)
    for forbidden in (
        door.make_key(of=key),
        door.list_api_keys(actor=key),
        door.search_api_keys(PageRequest(), actor=key),
        door.list_organization_keys(actor=key),
        door.update_api_key(made.api_key.id, KeyChange(scope={}), actor=key),
        door.revoke_api_key(made.api_key.id, actor=key),
        door.revoke_organization_key(made.api_key.id, actor=key),
    ):
        with pytest.raises(PermissionMissing):
            await forbidden
    assert len(door.keys) == 1


async def test_each_change_of_a_key_is_told_and_in_the_books_of_its_workspace(door: Door) -> None:
    alice = await door.actor()
    for workspace in (ACME, None):
        actor = replace(alice, organization_id=workspace)
        made = await door.make_key(of=actor)
        key_id = made.api_key.id
        await door.update_api_key(key_id, KeyChange(name="weekly", scope={}), actor=actor)
        await door.revoke_api_key(key_id, actor=actor)
        acts = door.acts[-3:]
        assert [act.kind for act in acts] == [
            "API_KEY_CREATED", "API_KEY_UPDATED", "API_KEY_REVOKED",
        ]  # fmt: skip
        assert [act.subject.name.partition(" ")[0] for act in acts] == [
            "nightly", "weekly", "weekly",
        ]  # fmt: skip
        for act in acts:
            assert (act.organization_id, act.actor, act.subject.id) == (workspace, actor, key_id)
            assert made.api_key.key_hash not in repr(act)
    assert door.told.count(AccessChanged(user_id=ALICE, occurred_at=NOON)) == 6
