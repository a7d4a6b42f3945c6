"""Invitations, through the real application, over memory."""

from datetime import timedelta
from itertools import product
from typing import Any

import httpx
import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.entities.users import User
from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, PASSWORD, a_number
from tests.conftest import SETTINGS
from tests.http.conftest import SignIn
from tests.http.identity.test_organizations import refusal

SENT = "/organizations/current/invitations"
FOUR = ["owner", "admin", "manager", "user"]
DAYS = (400, "invalid_request", "invalid_expires_in_days")
MAY_INVITE = {"owner": FOUR, "admin": ["user"], "manager": ["manager", "user"], "user": []}


async def invite(client: httpx.AsyncClient, email: str = "loner@example.org", **more: Any) -> Any:
    answer = await client.post(SENT, json={"email": email, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def accept(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(f"/organizations/invitations/{token}/accept")


async def test_an_invitation_shows_its_token_once(
    owner: httpx.AsyncClient, memory: MemoryAdapters
) -> None:
    sent = await invite(owner, " Bob@Example.org ", role="Manager", expires_in_days=1)
    assert sent == {
        "id": sent["id"],
        "token": sent["token"],
        "email": "bob@example.org",
        "role": "manager",
        "expires_at": "2026-01-02T12:00:00Z",
    }
    rows = await owner.get(SENT)
    assert sent["token"] not in rows.text
    assert rows.json() == [
        {
            "id": sent["id"],
            "organization_id": str(ACME),
            "organization_name": "Acme",
            "email": "bob@example.org",
            "role": "manager",
            "expires_at": "2026-01-02T12:00:00Z",
            "accepted_at": None,
            "revoked_at": None,
            "created_at": "2026-01-01T12:00:00Z",
            "invited_by_username": "owner",
            "state": "pending",
        }
    ]
    assert sent["token"] not in repr(dict(memory.database().tables()))
    now = memory.clock().now()
    async with memory.unit_of_work()() as work:
        attempt = await work.mails.claim(now=now, until=now)
    assert attempt is not None
    assert attempt.mail.recipient == "bob@example.org"


@pytest.mark.parametrize(("name", "role"), list(product(FOUR, FOUR)))
async def test_who_may_invite_as_what(sign_in: SignIn, name: str, role: str) -> None:
    client = await sign_in(name)
    answer = await client.post(SENT, json={"email": "x@example.org", "role": role})
    if role in MAY_INVITE[name]:
        assert (answer.status_code, answer.json()["role"]) == (200, role)
    elif name == "user" or role == "manager":
        assert refusal(answer) == (403, "forbidden", "insufficient_permissions_to_invite")
    else:
        assert refusal(answer) == (403, "forbidden", "cannot_invite_owner_or_admin_role")


@pytest.mark.parametrize("name", FOUR)
async def test_every_member_sees_the_invitations(sign_in: SignIn, name: str) -> None:
    await invite(await sign_in("owner"))
    rows = (await (await sign_in(name)).get(SENT)).json()
    assert [row["email"] for row in rows] == ["loner@example.org"]
    assert (await (await sign_in("stranger")).get(SENT)).json() == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": " "}, (400, "invalid_request", "email_required")),
        ({"email": "x@y"}, (400, "invalid_request", "invalid_email_format")),
        ({"email": "x@y.org", "role": "root"}, (400, "invalid_request", "invalid_role")),
        ({"email": "x@y.org", "expires_in_days": 0}, DAYS),
        ({"email": "x@y.org", "expires_in_days": 366}, DAYS),
        ({"email": "x@y.org", "expires_in_days": -(2**40)}, DAYS),
        ({"email": "USER@example.org"}, (409, "conflict", "user_already_member")),
        ({"email": "LONER@example.org"}, (409, "conflict", "invitation_already_exists")),
        ({}, (422, "invalid_request", "invalid_request")),
        ({"email": "x@y.org", "role": 1}, (422, "invalid_request", "invalid_request")),
    ],
)  # fmt: skip
async def test_what_cannot_be_sent_is_said_in_the_words_clients_know(
    owner: httpx.AsyncClient, body: dict[str, Any], expected: Any
) -> None:
    await invite(owner)
    assert refusal(await owner.post(SENT, json=body)) == expected


async def test_nulls_mean_what_is_usual(owner: httpx.AsyncClient) -> None:
    sent = await invite(owner, role=None, expires_in_days=None)
    assert (sent["role"], sent["expires_at"]) == ("user", "2026-01-08T12:00:00Z")


async def test_who_is_invited_joins(sign_in: SignIn) -> None:
    owner, loner = await sign_in("owner"), await sign_in("loner")
    sent = await invite(owner, role="manager")
    answer = await accept(loner, sent["token"])
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "status": "ok",
            "organization_id": str(ACME),
            "organization_name": "Acme",
            "role": "manager",
        },
    )
    assert (await loner.get("/auth/me")).json()["current_organization_id"] is None
    [row] = (await loner.get("/organizations")).json()
    assert (row["id"], row["role"], row["member_count"]) == (str(ACME), "manager", 6)
    [seen] = (await owner.get(SENT)).json()
    assert (seen["state"], seen["accepted_at"]) == ("accepted", "2026-01-01T12:00:00Z")
    again = await accept(loner, sent["token"])
    assert refusal(again) == (409, "conflict", "invitation_already_accepted")


async def test_what_cannot_be_accepted_is_said_in_the_words_clients_know(
    sign_in: SignIn, clock: ManualClock
) -> None:
    owner, loner, stranger = [await sign_in(name) for name in ("owner", "loner", "stranger")]
    sent = await invite(owner)
    mismatch = await accept(stranger, sent["token"])
    assert refusal(mismatch) == (403, "forbidden", "email_mismatch")
    unknown = await accept(loner, "nonsense")
    assert refusal(unknown) == (404, "not_found", "invitation_not_found")
    clock.advance(timedelta(days=7) - timedelta(hours=1))
    loner, owner = await sign_in("loner"), await sign_in("owner")
    clock.advance(timedelta(hours=1))
    late = await accept(loner, sent["token"])
    assert refusal(late) == (400, "invalid_request", "invitation_expired")
    renewed = await owner.post(f"{SENT}/{sent['id']}/resend", json={"expires_in_days": 1})
    assert renewed.json()["expires_at"] == "2026-01-09T12:00:00Z"
    assert refusal(await accept(loner, sent["token"]))[2] == "invitation_not_found"
    assert (await accept(loner, renewed.json()["token"])).status_code == 200


async def test_an_inviter_who_may_no_longer_invites_nobody(sign_in: SignIn) -> None:
    owner, manager, loner = [await sign_in(name) for name in ("owner", "manager", "loner")]
    sent = await invite(manager, role="manager")
    me = (await manager.get("/auth/me")).json()["user_id"]
    await owner.put(f"/organizations/current/members/{me}", json={"role": "user"})
    answer = await accept(loner, sent["token"])
    assert refusal(answer) == (404, "not_found", "invitation_no_longer_valid")


async def test_an_invitation_is_taken_back(sign_in: SignIn, anonymous: httpx.AsyncClient) -> None:
    owner, loner = await sign_in("owner"), await sign_in("loner")
    sent = await invite(owner)
    answer = await owner.delete(f"{SENT}/{sent['id']}")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    [row] = (await owner.get(SENT)).json()
    assert (row["state"], row["expires_at"]) == ("revoked", row["revoked_at"])
    missing = (404, "not_found", "invitation_not_found")
    assert refusal(await accept(loner, sent["token"])) == missing
    assert refusal(await owner.delete(f"{SENT}/{sent['id']}")) == missing
    assert refusal(await owner.delete(f"{SENT}/{a_number()}")) == missing
    assert refusal(await owner.post(f"{SENT}/{sent['id']}/resend", json={})) == missing
    assert (await anonymous.get(f"/invitations/{sent['token']}")).json()["state"] == "revoked"
    await invite(owner)


@pytest.mark.parametrize("name", ["user", "admin"])
async def test_an_invitation_above_one_s_own_is_not_one_s_to_touch(
    sign_in: SignIn, name: str
) -> None:
    sent = await invite(await sign_in("owner"), role="owner")
    client = await sign_in(name)
    code = (
        "insufficient_permissions_to_invite"
        if name == "user"
        else "cannot_invite_owner_or_admin_role"
    )
    for answer in (
        await client.delete(f"{SENT}/{sent['id']}"),
        await client.post(f"{SENT}/{sent['id']}/resend", json={}),
    ):
        assert refusal(answer) == (403, "forbidden", code)


async def test_a_foreigner_touches_no_invitation(sign_in: SignIn) -> None:
    sent = await invite(await sign_in("owner"))
    stranger = await sign_in("stranger")
    for answer in (
        await stranger.delete(f"{SENT}/{sent['id']}"),
        await stranger.post(f"{SENT}/{sent['id']}/resend", json={}),
    ):
        assert refusal(answer) == (404, "not_found", "invitation_not_found")


async def test_anybody_with_the_link_may_look(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    sent = await invite(owner, role="admin")
    answer = await anonymous.get(f"/invitations/{sent['token']}")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "organization_name": "Acme",
            "email": "loner@example.org",
            "role": "admin",
            "expires_at": "2026-01-08T12:00:00Z",
            "invited_by_username": "owner",
            "state": "pending",
        },
    )
    unknown = await anonymous.get("/invitations/nonsense")
    assert refusal(unknown) == (404, "not_found", "invitation_not_found")


async def test_links_cannot_be_guessed_for_long(anonymous: httpx.AsyncClient) -> None:
    for _ in range(SETTINGS.invitation_misses_per_address):
        assert (await anonymous.get("/invitations/guess")).status_code == 404
    for answer in (
        await anonymous.get("/invitations/guess"),
        await anonymous.post("/invitations/guess/register", json={"password": PASSWORD}),
    ):
        assert refusal(answer) == (429, "rate_limited", "too_many_attempts")
        assert int(answer.headers["retry-after"]) > 0


async def test_who_has_no_account_makes_one_and_is_signed_in(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    sent = await invite(owner, "new@example.org", role="admin")
    body = {"password": PASSWORD, "username": "Newcomer", "first_name": "New", "last_name": None}
    answer = await anonymous.post(f"/invitations/{sent['token']}/register", json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": answer.json()["user_id"],
        "email": "new@example.org",
        "role": "user",
        "first_name": "New",
        "last_name": None,
    }
    me = (await anonymous.get("/auth/me")).json()
    assert (me["username"], me["current_organization_id"], me["current_organization_role"]) == (
        "newcomer",
        str(ACME),
        "admin",
    )
    again = await anonymous.post(f"/invitations/{sent['token']}/register", json=body)
    assert refusal(again) == (409, "conflict", "invitation_already_accepted")
    login = {"email": "new@example.org", "password": PASSWORD}
    assert (await anonymous.post("/auth/login", json=login)).status_code == 200


@pytest.mark.parametrize(
    ("email", "body", "status", "code"),
    [
        ("loner@example.org", {"password": PASSWORD}, 409, "account_already_exists"),
        ("new@example.org", {"password": "short"}, 400, "password_too_short"),
        (
            "new@example.org", {"password": PASSWORD, "username": "loner"}, 409,
            "username_or_email_already_exists",
        ),
        ("new@example.org", {}, 422, "invalid_request"),
    ],
)  # fmt: skip
async def test_an_account_that_cannot_be_made_changes_nothing(
    owner: httpx.AsyncClient,
    anonymous: httpx.AsyncClient,
    memory: MemoryAdapters,
    email: str,
    body: dict[str, Any],
    status: int,
    code: str,
) -> None:
    sent = await invite(owner, email)
    users = dict(memory.database().table(User))
    answer = await anonymous.post(f"/invitations/{sent['token']}/register", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, code)
    assert "set-cookie" not in answer.headers
    assert memory.database().table(User) == users
    assert (await anonymous.get(f"/invitations/{sent['token']}")).json()["state"] == "pending"


async def test_accepting_takes_a_session(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    sent = await invite(owner)
    assert refusal(await accept(anonymous, sent["token"])) == (
        401,
        "unauthorized",
        "login_required",
    )
