"""``/auth``, through the real application, over memory."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID

import httpx
import msgspec
import pytest
from dependency_injector.providers import Object

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.sessions import Session
from inventiv_http.app import create_app
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import ACME, OTHER, PASSWORD, a_number, a_user, given
from tests.conftest import SETTINGS
from tests.http.conftest import TEAMS, SignIn, client_of

CLEARED = 'inventiv_session=""; HttpOnly; Max-Age=0; Path=/; SameSite=lax'


def cookie_of(answer: httpx.Response) -> tuple[str, set[str]]:
    """Return the value of the session's cookie, and its attributes in lower case."""
    [cookie] = answer.headers.get_list("set-cookie")
    pair, *attributes = cookie.split("; ")
    name, _, value = pair.partition("=")
    assert name == "inventiv_session"
    return value.strip('"'), {attribute.lower() for attribute in attributes}


async def log_in(client: httpx.AsyncClient, login: str, password: str) -> httpx.Response:
    return await client.post("/auth/login", json={"email": login, "password": password})


@pytest.mark.parametrize("login", ["owner", "owner@example.org", "  OWNER ", "Owner@Example.ORG"])
async def test_people_sign_in_by_name_or_address_in_any_case(
    people: None, anonymous: httpx.AsyncClient, login: str
) -> None:
    answer = await log_in(anonymous, login, PASSWORD)
    assert answer.status_code == 200
    body = answer.json()
    me = (await anonymous.get("/auth/me")).json()
    assert body == {
        "user_id": me["user_id"],
        "email": "owner@example.org",
        "role": "user",
        "first_name": None,
        "last_name": None,
    }
    assert "error" not in answer.text


@pytest.mark.parametrize(
    ("login", "password"), [("", PASSWORD), ("  ", PASSWORD), ("owner", ""), ("owner", "  ")]
)
async def test_a_blank_name_or_password_is_not_tried(
    people: None, anonymous: httpx.AsyncClient, login: str, password: str
) -> None:
    answer = await log_in(anonymous, login, password)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("login", "password"),
    [("owner", "wrong"), ("nobody", PASSWORD), ("owner", PASSWORD.upper()), ("alice", PASSWORD)],
)
async def test_who_is_wrong_is_not_told_about_what(
    people: None, anonymous: httpx.AsyncClient, login: str, password: str
) -> None:
    answer = await log_in(anonymous, login, password)
    assert answer.status_code == 401
    body = answer.json()
    assert (body["error"], body["message"]) == ("invalid_credentials", "invalid_credentials")
    assert set(body) == {"error", "message", "detail", "request_id"}
    assert "set-cookie" not in answer.headers


async def test_the_cookie_lasts_as_long_as_the_session_and_scripts_cannot_read_it(
    people: None, anonymous: httpx.AsyncClient
) -> None:
    token, attributes = cookie_of(await log_in(anonymous, "owner", PASSWORD))
    assert token.count(".") == 2
    assert attributes == {"path=/", "httponly", "samesite=lax", "max-age=43200"}


@pytest.fixture
async def behind_tls(memory: MemoryAdapters, people: None) -> AsyncGenerator[httpx.AsyncClient]:
    settings = msgspec.structs.replace(
        SETTINGS, cookie_secure=True, session_cookie_name="sid", session_lifetime_s=600
    )
    with memory.settings.override(Object(settings)):
        application = Application(adapters=memory)
        async with client_of(create_app(application)) as client:
            yield client


async def test_the_cookie_is_what_the_operator_wants_it_to_be(
    behind_tls: httpx.AsyncClient,
) -> None:
    answer = await log_in(behind_tls, "owner", PASSWORD)
    pair, *attributes = answer.headers["set-cookie"].split("; ")
    assert pair.startswith("sid=")
    assert {"Secure", "Max-Age=600"} <= set(attributes)


async def test_signing_out_ends_the_session_and_clears_the_cookie(
    owner: httpx.AsyncClient, memory: MemoryAdapters
) -> None:
    answer = await owner.post("/auth/logout")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert cookie_of(answer) == ("", {"path=/", "httponly", "samesite=lax", "max-age=0"})
    [session] = memory.database().table(Session).values()
    assert session.revoked_at is not None
    assert "inventiv_session" not in owner.cookies


@pytest.mark.parametrize("cookie", ["", "inventiv_session=broken", "inventiv_session="])
async def test_signing_out_works_for_whoever_was_never_in(
    anonymous: httpx.AsyncClient, cookie: str
) -> None:
    answer = await anonymous.post("/auth/logout", headers={"cookie": cookie})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert cookie_of(answer)[0] == ""


async def test_signing_out_leaves_the_other_sessions_alone(sign_in: SignIn) -> None:
    here, there = await sign_in("owner"), await sign_in("owner")
    await here.post("/auth/logout")
    assert (await here.get("/auth/me")).status_code == 401
    assert (await there.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("name", TEAMS)
async def test_me_says_who_and_in_which_workspace(sign_in: SignIn, name: str) -> None:
    body = (await (await sign_in(name)).get("/auth/me")).json()
    team = TEAMS[name]
    assert body == {
        "user_id": body["user_id"],
        "username": name,
        "email": f"{name}@example.org",
        "role": "user",
        "first_name": None,
        "last_name": None,
        "account_plan": "free",
        "wallet_balance_eur": 0.0,
        "current_organization_id": None if team is None else str(team[1]),
        "current_organization_name": None
        if team is None
        else ("Acme" if team[1] == ACME else "Other"),
        "current_organization_slug": None
        if team is None
        else ("acme" if team[1] == ACME else "other"),
        "current_organization_role": None if team is None else team[0],
        "current_organization_subscription_plan": None if team is None else "free",
        "current_organization_wallet_balance_eur": None if team is None else 0.0,
    }


async def test_where_a_session_comes_from_is_kept_and_nobody_can_pretend(
    app: object, people: None, memory: MemoryAdapters
) -> None:
    headers = {"X-Forwarded-For": "198.51.100.9", "User-Agent": "  a browser " + "x" * 600}
    async with client_of(app, ip_address="192.0.2.7", headers=headers) as client:  # type: ignore[arg-type]
        await log_in(client, "owner", PASSWORD)
    [session] = memory.database().table(Session).values()
    assert session.ip_address == "192.0.2.7"
    assert session.user_agent is not None
    assert session.user_agent.startswith("a browser x")
    assert len(session.user_agent) == 512


async def test_names_of_people_are_shown(
    memory: MemoryAdapters, anonymous: httpx.AsyncClient
) -> None:
    password_hash = await memory.password_hasher().hash(PASSWORD)
    user = a_user(id=UserId(a_number()), username="grace", password_hash=password_hash)
    named = msgspec.convert({**msgspec.to_builtins(user), "first_name": "Grace"}, type(user))
    await given(memory.unit_of_work(), named)
    assert (await log_in(anonymous, "grace", PASSWORD)).json()["first_name"] == "Grace"
    assert (await anonymous.get("/auth/me")).json()["first_name"] == "Grace"


@pytest.mark.parametrize(
    ("base_url", "public_url", "chosen", "secure"),
    [
        ("http://inventiv.test", None, None, False),
        ("https://inventiv.test", None, None, True),
        ("http://inventiv.test", "https://gpu.example.org", None, True),
        ("http://inventiv.test", "http://gpu.example.org", None, False),
        ("https://inventiv.test", None, False, False),
        ("http://inventiv.test", None, True, True),
    ],
)
async def test_the_cookie_is_for_tls_only_wherever_there_is_tls(
    memory: MemoryAdapters,
    people: None,
    base_url: str,
    public_url: str | None,
    *,
    chosen: bool | None,
    secure: bool,
) -> None:
    settings = msgspec.structs.replace(SETTINGS, cookie_secure=chosen, public_url=public_url)
    with memory.settings.override(Object(settings)):
        app = create_app(Application(adapters=memory))
        async with client_of(app) as client:
            client.base_url = httpx.URL(base_url)
            for answer in (
                await log_in(client, "owner", PASSWORD),
                await client.post("/auth/logout"),
            ):
                assert ("secure" in cookie_of(answer)[1]) is secure


async def test_one_s_sessions_are_listed_as_clients_know_them(sign_in: SignIn) -> None:
    there, here = await sign_in("owner"), await sign_in("owner")
    await sign_in("admin")
    rows = (await here.get("/auth/sessions")).json()
    assert [row["is_current"] for row in rows] == [True, False]
    me = (await there.get("/auth/sessions")).json()[1]
    assert me == {
        "session_id": me["session_id"],
        "current_organization_id": str(ACME),
        "current_organization_name": "Acme",
        "organization_role": "owner",
        "ip_address": "192.0.2.1",
        "user_agent": me["user_agent"],
        "created_at": "2026-01-01T12:00:00Z",
        "last_used_at": "2026-01-01T12:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
        "is_current": True,
    }
    assert me["user_agent"].startswith("python-httpx")


async def session_of(client: httpx.AsyncClient) -> str:
    rows = (await client.get("/auth/sessions")).json()
    [current] = [row["session_id"] for row in rows if row["is_current"]]
    return str(current)


async def test_another_session_is_ended(sign_in: SignIn) -> None:
    there, here = await sign_in("owner"), await sign_in("owner")
    answer = await here.post(f"/auth/sessions/{await session_of(there)}/revoke")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "message": "session_revoked"},
    )
    assert (await there.get("/auth/me")).status_code == 401
    assert (await here.get("/auth/me")).status_code == 200


async def test_what_cannot_be_ended_is_said_in_the_words_clients_know(sign_in: SignIn) -> None:
    here, ended, stranger = await sign_in("owner"), await sign_in("owner"), await sign_in("user")
    over = await session_of(ended)
    await ended.post("/auth/logout")
    for session_id, status, error, message in (
        (over, 404, "session_not_found", "session_not_found"),
        (a_number(), 404, "session_not_found", "session_not_found"),
        (await session_of(stranger), 403, "forbidden", "session_does_not_belong_to_user"),
        (
            await session_of(here), 400, "cannot_revoke_current_session",
            "use_logout_endpoint_instead",
        ),
    ):  # fmt: skip
        answer = await here.post(f"/auth/sessions/{session_id}/revoke")
        body = answer.json()
        assert (answer.status_code, body["error"], body["message"]) == (status, error, message)
    assert (await here.post("/auth/sessions/x/revoke")).status_code == 400


async def test_the_workspace_is_switched_and_the_cookie_with_it(
    sign_in: SignIn, clock: ManualClock
) -> None:
    client = await sign_in("owner")
    before = client.cookies["inventiv_session"]
    clock.advance(timedelta(hours=1))
    for body, current in (({}, None), ({"organization_id": str(ACME)}, str(ACME))):
        answer = await client.put("/organizations/current", json=body)
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "current_organization_id": current}
        token, attributes = cookie_of(answer)
        assert token != before
        assert "max-age=39600" in attributes
        assert (await client.get("/auth/me")).json()["current_organization_id"] == current


async def test_requests_under_way_survive_a_switch(
    sign_in: SignIn, anonymous: httpx.AsyncClient, clock: ManualClock
) -> None:
    client = await sign_in("owner")
    old = {"Authorization": f"Bearer {client.cookies['inventiv_session']}"}
    await client.put("/organizations/current", json={"organization_id": None})
    clock.advance(timedelta(seconds=59))
    me = await anonymous.get("/auth/me", headers=old)
    assert me.json()["current_organization_id"] is None
    clock.advance(timedelta(seconds=1))
    assert (await anonymous.get("/auth/me", headers=old)).status_code == 401
    assert (await client.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("organization", [OTHER, a_number()])
async def test_nobody_works_where_they_do_not_belong(
    owner: httpx.AsyncClient, organization: UUID
) -> None:
    body = {"organization_id": str(organization)}
    answer = await owner.put("/organizations/current", json=body)
    assert answer.status_code == 403
    assert (answer.json()["error"], answer.json()["message"]) == ("forbidden", "not_a_member")
    assert (await owner.get("/auth/me")).json()["current_organization_id"] == str(ACME)
