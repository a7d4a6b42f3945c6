"""``/organizations``, through the real application, over memory."""

from typing import Any

import httpx
import pytest

from inventiv_core.identity.access import Role
from inventiv_core.identity.entities.acts import Act, ActKind
from inventiv_core.identity.entities.organizations import Organization
from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, OTHER, Market, an_invitation, given
from tests.http.conftest import TEAMS, SignIn

CURRENT = "/organizations/current"

EVERYWHERE: list[tuple[str, str, Any]] = [
    ("GET", CURRENT, None),
    ("GET", f"{CURRENT}/role", None),
    ("PATCH", CURRENT, {"name": "New"}),
    ("DELETE", CURRENT, None),
    ("GET", f"{CURRENT}/members", None),
    ("PUT", f"{CURRENT}/members/00000000-0000-0000-0000-0000000a11ce", {"role": "user"}),
    ("DELETE", f"{CURRENT}/members/00000000-0000-0000-0000-0000000a11ce", None),
    ("POST", f"{CURRENT}/leave", None),
    ("GET", f"{CURRENT}/invitations", None),
    ("POST", f"{CURRENT}/invitations", {"email": "new@example.org"}),
    ("DELETE", f"{CURRENT}/invitations/00000000-0000-0000-0000-0000000000ff", None),
    ("POST", f"{CURRENT}/invitations/00000000-0000-0000-0000-0000000000ff/resend", {}),
]
"""Every route of the current organization."""


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["error"], body["message"]


@pytest.mark.parametrize(("method", "path", "body"), EVERYWHERE)
async def test_in_the_personal_workspace_there_is_no_current_organization(
    sign_in: SignIn, method: str, path: str, body: Any
) -> None:
    loner = await sign_in("loner")
    answer = await loner.request(method, path, json=body)
    assert refusal(answer) == (400, "invalid_request", "no_current_organization")


@pytest.mark.parametrize(("method", "path", "body"), EVERYWHERE)
async def test_who_was_removed_has_no_current_organization_any_more(
    sign_in: SignIn, method: str, path: str, body: Any
) -> None:
    owner, admin = await sign_in("owner"), await sign_in("admin")
    me = (await admin.get("/auth/me")).json()
    assert (await owner.delete(f"{CURRENT}/members/{me['user_id']}")).status_code == 200
    answer = await admin.request(method, path, json=body)
    assert refusal(answer) == (400, "invalid_request", "no_current_organization")


@pytest.mark.parametrize("name", TEAMS)
async def test_one_sees_the_organizations_one_belongs_to(sign_in: SignIn, name: str) -> None:
    client, team = await sign_in(name), TEAMS[name]
    rows = (await client.get("/organizations")).json()
    if team is None:
        assert rows == []
        return
    role, organization = team
    is_acme = organization == ACME
    row = {
        "id": str(organization),
        "name": "Acme" if is_acme else "Other",
        "slug": "acme" if is_acme else "other",
        "created_at": "2026-01-01T12:00:00Z",
        "role": role,
        "member_count": 5 if is_acme else 1,  # Alice owns ACME, too
    }
    assert rows == [row]
    assert (await client.get(CURRENT)).json() == row
    assert (await client.get(f"{CURRENT}/role")).json() == {
        "organization_id": str(organization),
        "role": role,
    }


@pytest.mark.parametrize("name", TEAMS)
async def test_anybody_founds_an_organization_and_works_there(sign_in: SignIn, name: str) -> None:
    client = await sign_in(name)
    before = client.cookies["inventiv_session"]
    body = {"name": " Équipe IA ", "slug": None, "set_as_current": True}
    answer = await client.post("/organizations", json=body)
    assert answer.status_code == 200
    row = answer.json()
    assert row == {
        "id": row["id"],
        "name": "Équipe IA",
        "slug": "equipe-ia",
        "created_at": "2026-01-01T12:00:00Z",
        "role": "owner",
        "member_count": 1,
    }
    assert client.cookies["inventiv_session"] != before
    me = (await client.get("/auth/me")).json()
    assert (me["current_organization_id"], me["current_organization_role"]) == (row["id"], "owner")
    assert row in (await client.get("/organizations")).json()


@pytest.mark.parametrize(
    ("body", "current"),
    [({}, True), ({"set_as_current": None}, True), ({"set_as_current": False}, False)],
)
async def test_it_is_the_workspace_unless_somebody_says_no(
    owner: httpx.AsyncClient, body: dict[str, Any], *, current: bool
) -> None:
    answer = await owner.post("/organizations", json={"name": "New", **body})
    assert ("set-cookie" in answer.headers) is current
    workspace = (await owner.get("/auth/me")).json()["current_organization_id"]
    assert workspace == (answer.json()["id"] if current else str(ACME))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": " "}, (400, "invalid_request", "name_required")),
        ({"name": "x" * 121}, (400, "invalid_request", "name_too_long")),
        ({"name": "Acme"}, (409, "conflict", "organization_slug_already_exists")),
        ({"name": "x", "slug": "Other"}, (409, "conflict", "organization_slug_already_exists")),
        ({}, (422, "invalid_request", "invalid_request")),
        ({"name": None}, (422, "invalid_request", "invalid_request")),
    ],
)
async def test_what_cannot_be_founded_is_said_in_the_words_clients_know(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: dict[str, Any], expected: Any
) -> None:
    assert refusal(await owner.post("/organizations", json=body)) == expected
    assert len(memory.database().table(Organization)) == 2


async def test_an_organization_changes_its_name_and_its_slug(owner: httpx.AsyncClient) -> None:
    answer = await owner.patch(CURRENT, json={"name": "Acme & Co", "slug": None})
    assert (answer.status_code, answer.json()["name"]) == (200, "Acme & Co")
    answer = await owner.patch(CURRENT, json={"slug": "Acme & Co"})
    assert (answer.json()["name"], answer.json()["slug"]) == ("Acme & Co", "acme-co")
    assert (await owner.get("/auth/me")).json()["current_organization_slug"] == "acme-co"
    taken = await owner.patch(CURRENT, json={"slug": "other"})
    assert refusal(taken) == (409, "conflict", "organization_slug_already_exists")
    assert refusal(await owner.patch(CURRENT, json={"name": ""})) == (
        400,
        "invalid_request",
        "name_required",
    )


@pytest.mark.parametrize("name", ["admin", "manager", "user"])
async def test_only_owners_rename_or_delete(sign_in: SignIn, name: str) -> None:
    client = await sign_in(name)
    for answer in (await client.patch(CURRENT, json={"name": "x"}), await client.delete(CURRENT)):
        assert refusal(answer) == (403, "forbidden", "permission_missing")


async def test_an_organization_is_given_up(sign_in: SignIn, memory: MemoryAdapters) -> None:
    owner, user, stranger = await sign_in("owner"), await sign_in("user"), await sign_in("stranger")
    await given(memory.unit_of_work(), an_invitation())
    answer = await owner.delete(CURRENT)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    for client in (owner, user):
        me = (await client.get("/auth/me")).json()
        assert me["current_organization_id"] is None
        assert (await client.get("/organizations")).json() == []
        switch = await client.put(CURRENT, json={"organization_id": str(ACME)})
        assert refusal(switch) == (403, "forbidden", "not_a_member")
    assert (await stranger.get(CURRENT)).json()["id"] == str(OTHER)
    kinds = [act.kind for act in memory.database().table(Act).values()]
    assert kinds[-1] is ActKind.ORG_DELETED
    again = await owner.post("/organizations", json={"name": "Acme"})
    assert again.json()["slug"] == "acme"


async def test_an_organization_with_machines_is_not_given_up(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    await given(memory.unit_of_work(), market.instance(), market.instance())
    answer = await owner.delete(CURRENT)
    assert refusal(answer) == (409, "conflict", "organization_has_instances")
    assert answer.json()["instances"] == 2
    assert (await owner.get("/auth/me")).json()["current_organization_role"] == Role.OWNER
