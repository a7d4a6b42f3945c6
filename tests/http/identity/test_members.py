"""``/organizations/current/members``, through the real application, over memory."""

from itertools import product

import httpx
import pytest

from inventiv_core.identity.access import Role
from inventiv_http.container import MemoryAdapters
from tests.builders import ALICE, Market, a_number, given
from tests.http.conftest import SignIn
from tests.http.identity.test_organizations import refusal

MEMBERS = "/organizations/current/members"
FOUR = ["owner", "admin", "manager", "user"]

MAY_CHANGE = {
    "owner": set(product(FOUR, FOUR)),
    "admin": {("user", "admin"), ("admin", "user")},
    "manager": {("user", "manager"), ("manager", "user")},
    "user": set(),
}
MAY_REMOVE = {
    "owner": {"owner", "admin", "manager", "user"},
    "admin": {"admin", "user"},
    "manager": {"manager", "user"},
    "user": set(),
}


async def member(client: httpx.AsyncClient, name: str) -> str:
    """Return the id of a member, by name."""
    rows = (await client.get(MEMBERS)).json()
    [found] = [row["user_id"] for row in rows if row["username"] == name]
    return str(found)


@pytest.mark.parametrize("name", FOUR)
async def test_every_member_sees_all_members(sign_in: SignIn, name: str) -> None:
    rows = (await (await sign_in(name)).get(MEMBERS)).json()
    assert [row["role"] for row in rows] == ["owner", "owner", "admin", "manager", "user"]
    admin = rows[2]
    assert admin == {
        "user_id": admin["user_id"],
        "username": "admin",
        "email": "admin@example.org",
        "first_name": None,
        "last_name": None,
        "role": "admin",
        "created_at": "2026-01-01T12:00:00Z",
    }


async def test_a_foreigner_sees_their_own_members_only(sign_in: SignIn) -> None:
    rows = (await (await sign_in("stranger")).get(MEMBERS)).json()
    assert [row["username"] for row in rows] == ["stranger"]


@pytest.mark.parametrize("name", FOUR)
async def test_roles_are_changed_as_the_table_says(sign_in: SignIn, name: str) -> None:
    client, owner = await sign_in(name), await sign_in("owner")
    user_id = await member(client, "user")
    if name == "user":  # whoever may nothing may do nothing to another one
        user_id = await member(client, "manager")
    for before, after in product(FOUR, FOUR):
        if name != "owner":
            assert (await owner.put(f"{MEMBERS}/{user_id}", json={"role": before})).is_success
        answer = await client.put(f"{MEMBERS}/{user_id}", json={"role": after})
        if (before, after) in MAY_CHANGE[name]:
            assert (answer.status_code, answer.json()) == (
                200,
                {"status": "ok", "member_user_id": user_id, "role": after},
            )
        else:
            assert refusal(answer) == (403, "forbidden", "role_change_not_allowed")


@pytest.mark.parametrize(("name", "victim"), list(product(FOUR, FOUR)))
async def test_members_are_removed_as_the_table_says(
    sign_in: SignIn, name: str, victim: str
) -> None:
    client = await sign_in(name)
    await sign_in(victim)
    user_id = await member(client, "alice" if victim == "owner" else victim)
    answer = await client.delete(f"{MEMBERS}/{user_id}")
    if victim in MAY_REMOVE[name] or victim == name != "owner":
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    else:
        assert refusal(answer) == (403, "forbidden", "member_remove_not_allowed")


async def test_who_is_removed_is_out_at_the_next_request(
    sign_in: SignIn, memory: MemoryAdapters, market: Market
) -> None:
    owner, user = await sign_in("owner"), await sign_in("user")
    await given(memory.unit_of_work(), market.instance())
    assert len((await user.get("/instances")).json()) == 1
    await owner.delete(f"{MEMBERS}/{await member(owner, 'user')}")
    assert (await user.get("/auth/me")).json()["current_organization_id"] is None
    assert (await user.get("/organizations")).json() == []
    assert (await user.get("/instances")).json() == []


async def test_a_role_that_was_changed_counts_at_the_next_request(sign_in: SignIn) -> None:
    owner, user = await sign_in("owner"), await sign_in("user")
    await owner.put(f"{MEMBERS}/{await member(owner, 'user')}", json={"role": "Admin "})
    assert (await user.get("/auth/me")).json()["current_organization_role"] == "admin"


@pytest.mark.parametrize("name", ["admin", "manager", "user"])
async def test_one_leaves(sign_in: SignIn, name: str) -> None:
    client = await sign_in(name)
    answer = await client.post("/organizations/current/leave")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert (await client.get("/organizations")).json() == []


async def test_the_last_owner_cannot_be_lost(sign_in: SignIn) -> None:
    owner = await sign_in("owner")
    assert (await owner.delete(f"{MEMBERS}/{ALICE}")).is_success
    me = await member(owner, "owner")
    changed = await owner.put(f"{MEMBERS}/{me}", json={"role": Role.ADMIN})
    assert refusal(changed) == (409, "conflict", "last_owner_cannot_be_changed")
    for gone in (
        await owner.delete(f"{MEMBERS}/{me}"),
        await owner.post("/organizations/current/leave"),
    ):
        assert refusal(gone) == (409, "conflict", "last_owner_cannot_be_removed")


async def test_what_is_wrong_is_said_in_the_words_clients_know(sign_in: SignIn) -> None:
    owner = await sign_in("owner")
    user = f"{MEMBERS}/{await member(owner, 'user')}"
    nobody = f"{MEMBERS}/{a_number()}"
    missing = (404, "not_found", "member_not_found")
    assert refusal(await owner.put(nobody, json={"role": "nonsense"})) == missing
    assert refusal(await owner.delete(nobody)) == missing
    wrong = await owner.put(user, json={"role": "nonsense"})
    assert refusal(wrong) == (400, "invalid_request", "invalid_role")
    assert (await owner.put(user, json={})).status_code == 422
    assert (await owner.put(f"{MEMBERS}/x", json={"role": "user"})).status_code == 400
