"""API keys: what their ports promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import Permission, Role, UserId
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.use_cases.api_keys import SearchApiKeys
from inventiv_core.identity.views.api_keys import ApiKeyRow, KeyDetails, api_key_keys
from inventiv_core.kernel.pagination import PageRequest
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_key,
    a_membership,
    a_user,
    an_actor,
    given_teams,
)

HOUR = timedelta(hours=1)
BOB = UserId(UUID(int=0xB0B))
SCOPE = KeyScope(
    expires_at=NOON + HOUR,
    models=frozenset({"acme/b", "acme/a"}),
    permissions=frozenset({Permission.INFER}),
)


async def given_keys(adapters: Any, *keys: ApiKey) -> None:
    """Store keys of Alice and Bob, who belong to ACME, and Alice to OTHER, too."""
    await given_teams(
        adapters.unit_of_work(),
        a_user(id=BOB, username="bob"),
        a_membership(user=BOB, role=Role.USER),
        a_membership(organization=OTHER),
    )
    async with adapters.unit_of_work()() as work:
        for key in keys:
            await work.api_keys.add(key)


async def stored(adapters: Any, key: ApiKey) -> ApiKey | None:
    async with adapters.unit_of_work()() as work:
        known: ApiKey | None = await work.api_keys.lock(key.id, user_id=key.user_id)
    return known


async def found(adapters: Any, key: ApiKey, *, after: timedelta = HOUR / 2) -> KeyDetails | None:
    details: KeyDetails | None = await adapters.api_key_queries().find(
        key.key_hash, now=NOON + after
    )
    return details


async def test_a_key_is_stored_as_it_is(adapters: Any) -> None:
    whole = a_key(scope=SCOPE, last_used_at=NOON, revoked_at=NOON)
    plain = a_key(organization=None)
    await given_keys(adapters, whole, plain)
    for key in (whole, plain):
        assert await stored(adapters, key) == key
    assert await stored(adapters, a_key()) is None


async def test_a_key_is_saved_without_what_never_changes(adapters: Any) -> None:
    key, bystander = a_key(), a_key()
    await given_keys(adapters, key, bystander)
    changed = replace(key, name="n", scope=SCOPE, revoked_at=NOON)
    async with adapters.unit_of_work()() as work:
        await work.api_keys.save(
            replace(changed, key_hash="x", user_id=BOB, created_at=NOON + HOUR)
        )
    assert await stored(adapters, key) == changed
    assert await stored(adapters, bystander) == bystander


async def test_a_good_key_is_found_with_all_that_is_true_of_it_now(adapters: Any) -> None:
    key = a_key(user=BOB, scope=SCOPE, last_used_at=NOON)
    personal = a_key(organization=None)
    await given_keys(adapters, key, personal)
    assert await found(adapters, key) == KeyDetails(
        api_key_id=key.id,
        user_id=BOB,
        username="bob",
        organization_id=ACME,
        role=Role.USER,
        models=SCOPE.models,
        permissions=SCOPE.permissions,
        last_used_at=NOON,
        expires_at=SCOPE.expires_at,
    )
    details = await found(adapters, personal)
    assert details is not None
    assert (details.organization_id, details.role, details.models) == (None, None, None)


async def test_a_key_that_is_not_good_is_not_found(adapters: Any) -> None:
    revoked, expiring = a_key(revoked_at=NOON), a_key(scope=SCOPE)
    foreign = a_key(user=BOB, organization=OTHER)
    await given_keys(adapters, revoked, expiring, foreign)
    assert await found(adapters, revoked) is None
    assert await found(adapters, foreign) is None
    assert await found(adapters, a_key()) is None
    moment = timedelta(microseconds=1)
    assert await found(adapters, expiring, after=HOUR - moment) is not None
    assert await found(adapters, expiring, after=HOUR) is None


async def test_a_key_is_locked_only_by_whom_it_belongs_to(adapters: Any) -> None:
    key, bobs, personal = keys = [a_key(), a_key(user=BOB), a_key(organization=None)]
    await given_keys(adapters, *keys)
    async with adapters.unit_of_work()() as work:
        own = [await work.api_keys.lock(each.id, user_id=ALICE) for each in keys]
        acmes = [await work.api_keys.lock_in(each.id, owner=ACME) for each in keys]
        others = [await work.api_keys.lock_in(each.id, owner=OTHER) for each in keys]
    assert own == [key, None, personal]
    assert acmes == [key, bobs, None]
    assert others == [None] * 3


async def test_where_somebody_does_not_belong_any_more_their_key_is_not_good_nor_named(
    adapters: Any,
) -> None:
    key, hers = a_key(user=BOB), a_key()
    await given_keys(adapters, key, hers)
    assert await found(adapters, key) is not None
    async with adapters.unit_of_work()() as work:
        await work.organizations.remove_member(ACME, BOB)
    assert await found(adapters, key) is None
    assert await found(adapters, hers) is not None
    [row] = await adapters.api_key_queries().list(BOB, limit=9)
    assert (row.organization_id, row.organization_name) == (ACME, None)


async def test_keys_are_gone_with_their_user(postgres: Any) -> None:
    key, hers = a_key(user=BOB), a_key()
    await given_keys(postgres, key, hers)
    async with postgres.pool().connection() as connection:
        await connection.execute("DELETE FROM users WHERE id = %s", [BOB])
    assert await found(postgres, key) is None
    rows = await postgres.api_key_queries().of_organization(ACME, limit=9)
    assert [row.id for row in rows] == [hers.id]


async def test_a_use_is_noted_without_waiting_for_whoever_changes_the_key(postgres: Any) -> None:
    busy, free = a_key(), a_key()
    await given_keys(postgres, busy, free)
    async with postgres.unit_of_work()() as work:
        await work.api_keys.lock(busy.id, user_id=ALICE)
        async with postgres.unit_of_work()() as other:
            await other.api_keys.touch({busy.id: NOON, free.id: NOON})
    assert await stored(postgres, busy) == busy
    assert await stored(postgres, free) == replace(free, last_used_at=NOON)


@pytest.mark.parametrize("user", [ALICE, None])
async def test_keys_end_with_the_membership(adapters: Any, user: UserId | None) -> None:
    ours, bobs = a_key(), a_key(user=BOB)
    others = [a_key(organization=None), a_key(organization=OTHER), a_key(revoked_at=NOON - HOUR)]
    await given_keys(adapters, ours, bobs, *others)
    async with adapters.unit_of_work()() as work:
        ended = await work.api_keys.end_membership(ACME, user, at=NOON)
    assert ended == (1 if user else 2)
    assert await stored(adapters, ours) == replace(ours, revoked_at=NOON)
    assert await stored(adapters, bobs) == (bobs if user else replace(bobs, revoked_at=NOON))
    for other in others:
        assert await stored(adapters, other) == other


async def test_the_last_use_is_noted_for_many_at_once(adapters: Any) -> None:
    fresh, old, newer = a_key(), a_key(last_used_at=NOON - HOUR), a_key(last_used_at=NOON + HOUR)
    await given_keys(adapters, fresh, old, newer)
    async with adapters.unit_of_work()() as work:
        await work.api_keys.touch({key.id: NOON for key in (fresh, old, newer, a_key())})
    used = [await stored(adapters, key) for key in (fresh, old, newer)]
    assert [key and key.last_used_at for key in used] == [NOON, NOON, NOON + HOUR]


async def test_lists_show_whose_they_are_the_newest_first(adapters: Any) -> None:
    old, new = a_key(created_at=NOON - HOUR, scope=SCOPE), a_key(revoked_at=NOON)
    bobs, personal = a_key(user=BOB, created_at=NOON - 2 * HOUR), a_key(organization=None)
    await given_keys(adapters, old, new, bobs, personal)
    queries = adapters.api_key_queries()
    mine = await queries.list(ALICE, limit=10)
    assert [row.id for row in mine] == [personal.id, new.id, old.id]
    assert [row.id for row in await queries.list(ALICE, limit=1)] == [personal.id]
    ours = await queries.of_organization(ACME, limit=10)
    assert [(row.id, row.username) for row in ours] == [
        (new.id, "alice"),
        (old.id, "alice"),
        (bobs.id, "bob"),
    ]
    assert await queries.of_organization(OTHER, limit=10) == []
    assert mine[2] == ApiKeyRow(
        id=old.id,
        name=old.name,
        key_prefix=old.key_prefix,
        created_at=NOON - HOUR,
        last_used_at=None,
        revoked_at=None,
        expires_at=NOON + HOUR,
        models=["acme/a", "acme/b"],
        permissions=["infer"],
        organization_id=ACME,
        organization_name="Acme",
        user_id=ALICE,
        username="alice",
    )


@pytest.mark.parametrize("order_dir", ["asc", "desc"])
@pytest.mark.parametrize("order_by", [key.name for key in api_key_keys(descending=False)])
async def test_pages_come_in_order_and_add_up_to_the_list(
    adapters: Any, order_by: str, order_dir: str
) -> None:
    keys = [
        a_key(name=name, last_used_at=used, revoked_at=revoked)
        for name, used, revoked in (
            ("b", None, None), ("a", NOON, None), ("a", NOON + HOUR, NOON), ("c", None, NOON),
        )
    ]  # fmt: skip
    await given_keys(adapters, *keys, a_key(user=BOB))
    find = SearchApiKeys(api_key_queries=adapters.api_key_queries())
    rows: list[ApiKeyRow] = []
    cursor = None
    while True:
        request = PageRequest.of(order_by=order_by, order_dir=order_dir, limit=2, cursor=cursor)
        page = await find(request, actor=an_actor())
        assert (page.total_count, page.filtered_count) == (4, 4)
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert {row.id for row in rows} == {key.id for key in keys}
    descending = order_dir == "desc"
    [key] = [key for key in api_key_keys(descending=descending) if key.name == order_by]
    places = [(key.of(row), row.id) for row in rows]
    assert places == sorted(places, reverse=descending)
    if order_by in {"last_used_at", "revoked_at"}:
        assert [getattr(row, order_by) is None for row in rows] == [False, False, True, True]
