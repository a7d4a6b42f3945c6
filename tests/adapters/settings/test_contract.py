"""What the ports of settings promise, kept by every adapter."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from dependency_injector.providers import Object

from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_core.action_logs.views import ActionLogFilter
from inventiv_core.identity.access import PLATFORM, OrganizationId
from inventiv_core.kernel.secrets import SealedSecret, SealKeyId
from inventiv_core.settings.entities import Credential, CredentialPlace
from inventiv_core.settings.views import ChosenParams, CredentialFieldsSet
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import ACME, ALICE, NOON, OTHER, a_provider, an_actor, given, given_teams
from tests.core.settings.cabinet import ACCESS_KEY, PROJECT, SECRET_KEY, secrets

ALL = secrets(project_id=PROJECT, secret_key=SECRET_KEY, access_key=ACCESS_KEY)
SCALEWAY, OFF, LAST = (
    replace(a_provider(code="scaleway"), name="b"),
    replace(a_provider(code="off", is_active=False), name="B"),
    replace(a_provider(code="last"), name="é"),
)


@pytest.fixture
async def adapters(adapters: Any) -> Any:
    """Each world in turn, with two organizations and three providers."""
    await given_teams(adapters.unit_of_work(), SCALEWAY, OFF, LAST)
    return adapters


def a_credential(
    field: str = "secret_key",
    *,
    owner: OrganizationId = ACME,
    provider: Any = SCALEWAY,
    key_id: str = "one",
    **facts: Any,
) -> Credential:
    credential = Credential(
        organization_id=owner,
        provider_id=provider.id,
        field=field,
        sealed=SealedSecret(key_id=SealKeyId(key_id), data=b"\x00\xff'"),
        last_four=None,
        changed_at=NOON,
        changed_by_user_id=ALICE,
        changed_by_name="alice",
    )
    return replace(credential, **facts)


async def put_params(adapters: Any, owner: Any, provider: Any, **changes: Any) -> None:
    async with adapters.unit_of_work()() as work:
        await work.settings.put_params(owner, provider.id, changes, at=NOON)


async def test_a_global_value_is_kept_replaced_and_forgotten(adapters: Any) -> None:
    for value in (120, True, False, "text", 0, "", 2**62, None, None):
        async with adapters.unit_of_work()() as work:
            await work.settings.lock_global("KEY")
            await work.settings.put_global("KEY", value, at=NOON)
        async with adapters.unit_of_work()() as work:
            found = await work.settings.lock_global("KEY")
        expected = {} if value is None else {"KEY": value}
        assert (found, type(found)) == (value, type(value))
        assert await adapters.setting_queries().globals() == expected


async def test_a_value_is_an_organization_s_at_one_provider(adapters: Any) -> None:
    await put_params(adapters, ACME, SCALEWAY, A=1, B=True, C="c")
    await put_params(adapters, ACME, LAST, A=2)
    await put_params(adapters, OTHER, SCALEWAY, A=3)
    await put_params(adapters, ACME, SCALEWAY, A=4, B=None, D=None)
    await put_params(adapters, ACME, SCALEWAY)
    async with adapters.unit_of_work()() as work:
        assert await work.settings.params(ACME, SCALEWAY.id) == {"A": 4, "C": "c"}
        assert await work.settings.params(ACME, LAST.id) == {"A": 2}
        assert await work.settings.params(OTHER, SCALEWAY.id) == {"A": 3}
        assert await work.settings.params(OTHER, LAST.id) == {}


async def test_all_providers_are_listed_by_name_with_one_s_own_choices(adapters: Any) -> None:
    await put_params(adapters, ACME, SCALEWAY, A=1, B=False, C="c")
    await put_params(adapters, OTHER, LAST, A=2)
    rows = await adapters.setting_queries().params(ACME, limit=10)
    chosen: dict[Any, Any] = {SCALEWAY.id: {"A": 1, "B": False, "C": "c"}}
    assert rows == [
        ChosenParams(
            provider_id=provider.id,
            provider_name=provider.name,
            provider_code=provider.code,
            chosen=chosen.get(provider.id, {}),
        )
        for provider in (OFF, SCALEWAY, LAST)
    ]
    assert len(await adapters.setting_queries().params(ACME, limit=2)) == 2


async def test_credentials_are_kept_replaced_and_removed(adapters: Any) -> None:
    first, second = a_credential("b"), a_credential("a", last_four="1234")
    theirs, elsewhere = a_credential("b", owner=OTHER), a_credential("b", provider=LAST)
    async with adapters.unit_of_work()() as work:
        await work.credentials.put([first, second, theirs, elsewhere])
        await work.credentials.put([])
        changed = replace(first, sealed=SealedSecret(key_id=SealKeyId("two"), data=b"x"))
        changed = replace(changed, changed_by_user_id=None, changed_by_name=None)
        await work.credentials.put([changed])
    async with adapters.unit_of_work()() as work:
        assert await work.credentials.of(ACME, SCALEWAY.id) == [second, changed]
        assert await work.credentials.lock(ACME, SCALEWAY.id) == [second, changed]
        assert await work.credentials.of(OTHER, SCALEWAY.id) == [theirs]
        await work.credentials.remove(ACME, SCALEWAY.id, ["b", "none"])
        await work.credentials.remove(ACME, SCALEWAY.id, [])
    async with adapters.unit_of_work()() as work:
        assert await work.credentials.of(ACME, SCALEWAY.id) == [second]
        assert await work.credentials.of(ACME, LAST.id) == [elsewhere]


async def test_which_fields_are_set_is_one_s_own_at_active_providers(adapters: Any) -> None:
    async with adapters.unit_of_work()() as work:
        await work.credentials.put([a_credential("b"), a_credential("a")])
        await work.credentials.put([a_credential(provider=OFF), a_credential(owner=OTHER)])
    rows = await adapters.setting_queries().credential_fields(ACME, limit=10)
    fields: dict[Any, Any] = {SCALEWAY.id: ["a", "b"]}
    assert rows == [
        CredentialFieldsSet(
            provider_id=provider.id,
            provider_name=provider.name,
            provider_code=provider.code,
            fields=fields.get(provider.id, []),
        )
        for provider in (SCALEWAY, LAST)
    ]
    assert len(await adapters.setting_queries().credential_fields(ACME, limit=1)) == 1


async def test_what_another_key_has_sealed_is_walked_through_in_order(adapters: Any) -> None:
    old = [
        a_credential(field, owner=owner, provider=provider)
        for owner in sorted((ACME, OTHER))
        for provider in sorted((SCALEWAY, LAST), key=lambda provider: provider.id)
        for field in ("B", "a")
    ]
    new = [replace(old[3], field="c", sealed=SealedSecret(key_id=SealKeyId("two"), data=b"x"))]
    async with adapters.unit_of_work()() as work:
        await work.credentials.put([*reversed(old), *new])
    found: list[Credential] = []
    after: CredentialPlace | None = None
    async with adapters.unit_of_work()() as work:
        while batch := await work.credentials.sealed_otherwise(
            SealKeyId("two"), after=after, limit=3
        ):
            assert len(batch) <= 3
            found += batch
            after = batch[-1].place
        assert await work.credentials.sealed_otherwise(SealKeyId("one"), after=None, limit=9) == new
    assert found == old


async def test_what_was_undone_was_never_chosen(adapters: Any) -> None:
    async def half() -> None:
        async with adapters.unit_of_work()() as work:
            await work.settings.put_global("KEY", 1, at=NOON)
            await work.settings.put_params(ACME, SCALEWAY.id, {"A": 1}, at=NOON)
            await work.credentials.put([a_credential()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half()
    async with adapters.unit_of_work()() as work:
        assert await work.settings.params(ACME, SCALEWAY.id) == {}
        assert await work.credentials.of(ACME, SCALEWAY.id) == []
    assert await adapters.setting_queries().globals() == {}


async def test_changes_at_the_same_time_follow_each_other(adapters: Any) -> None:
    """What the books say was there before is what the change before has left."""
    application = Application(adapters=adapters)
    change = application.change_provider_params()
    await asyncio.gather(
        *(
            change(SCALEWAY.id, {"worker_vllm_port": port}, actor=an_actor())
            for port in range(9000, 9006)
        )
    )
    books = await application.list_action_logs()(ActionLogFilter(), limit=100, actor=an_actor())
    assert len(books) == 6
    changes = {
        entry.metadata["before"]["WORKER_VLLM_PORT"]: entry.metadata["after"]["WORKER_VLLM_PORT"]
        for entry in books
    }
    walked: list[Any] = [None]
    while walked[-1] in changes:
        walked.append(changes[walked[-1]])
    assert sorted(walked[1:]) == list(range(9000, 9006))


async def test_a_rotation_and_changes_at_the_same_time_do_not_wait_for_each_other_for_ever(
    adapters: Any,
) -> None:
    application = Application(adapters=adapters)
    set_, rotate = application.set_credentials(), application.rotate_secrets()
    await given(adapters.unit_of_work(), *(a_provider() for _ in range(3)))
    async with asyncio.timeout(30):
        for round_ in range(5):
            async with adapters.unit_of_work()() as work:
                await work.credentials.put(
                    [a_credential(field, key_id="gone") for field in ("access_key", "secret_key")]
                )
            turned = dict(reversed(list(ALL.items()))) if round_ % 2 else ALL
            await asyncio.gather(
                rotate(actor=PLATFORM),
                set_("scaleway", turned, actor=an_actor()),
                rotate(actor=PLATFORM),
                set_("scaleway", ALL, actor=an_actor(organization=OTHER)),
            )
    async with adapters.unit_of_work()() as work:
        stored = await work.credentials.of(ACME, SCALEWAY.id)
    box = adapters.secret_box()
    opened = {known.field: box.open(known.sealed, place=str(known.place)) for known in stored}
    assert opened == ALL


async def test_nothing_that_the_database_holds_tells_a_secret(postgres: PostgresAdapters) -> None:
    await given_teams(postgres.unit_of_work(), SCALEWAY)
    cloud = MemoryCloud(clock=postgres.clock(), new_id=postgres.new_id())
    postgres.clouds.override(Object(FixedClouds({"scaleway": cloud})))
    application = Application(adapters=postgres)
    await application.set_credentials()("scaleway", ALL, actor=an_actor())
    await application.check_credentials()("scaleway", actor=an_actor())
    await application.rotate_secrets()(actor=PLATFORM)
    async with postgres.pool().connection() as connection:
        cursor = await connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        tables = [name for [name] in await cursor.fetchall()]
        assert {"provider_credentials", "action_logs", "outbox"} <= set(tables)
        rows: list[bytes] = []
        for table in tables:
            dumping = connection.cursor().copy(f"COPY (SELECT * FROM {table}) TO STDOUT".encode())
            async with dumping as copy:
                rows += [bytes(block) async for block in copy]
    everything = b"".join(rows)
    assert len(cloud.checked) == 1
    assert b"CREDENTIALS_SET" in everything, "or it would be no wonder"
    for text in (PROJECT, SECRET_KEY, ACCESS_KEY):
        for written in (text.encode(), text.encode().hex().encode()):
            assert written not in everything


async def test_credentials_at_a_provider_are_listed_by_organization(adapters: Any) -> None:
    mine, theirs = a_credential("a"), a_credential("a", owner=OTHER)
    elsewhere = a_credential("a", provider=LAST)
    async with adapters.unit_of_work()() as work:
        await work.credentials.put([theirs, elsewhere, a_credential("b"), mine])
    query = adapters.setting_queries().credentials
    everybodys = await query("scaleway", owner=None, limit=10)
    assert [(one.organization_id, one.field) for one in everybodys] == sorted(
        [(ACME, "a"), (ACME, "b"), (OTHER, "a")]
    )
    assert list(await query("scaleway", owner=OTHER, limit=10)) == [theirs]
    assert list(await query("scaleway", owner=None, limit=1)) == [min(
        everybodys, key=lambda one: (one.organization_id, one.field)
    )]  # fmt: skip
    assert list(await query("nowhere", owner=None, limit=10)) == []
