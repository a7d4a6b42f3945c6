"""``/users``, ``/auth/me`` and passwords, through the real application, over memory."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from inventiv_adapters.identity.memory.mails import MemoryMailer
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import PLATFORM, PlatformRole, Role, UserId
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import ACME, OTHER, PASSWORD, a_membership, a_number, a_user, given
from tests.conftest import SETTINGS
from tests.http.conftest import Json, SignIn

NEW = "another password"
NOBODY = a_number()


@pytest.fixture
async def root(memory: MemoryAdapters, sign_in: SignIn) -> httpx.AsyncClient:
    """The administrator of the platform."""
    password_hash = await memory.password_hasher().hash(PASSWORD)
    admin = a_user(
        id=UserId(a_number()),
        username="root",
        role=PlatformRole.ADMIN,
        password_hash=password_hash,
    )
    await given(memory.unit_of_work(), admin)
    return await sign_in("root")


async def id_of(root: httpx.AsyncClient, username: str) -> str:
    users = (await root.get("/users")).json()
    return str(next(user["id"] for user in users if user["username"] == username))


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["error"], body["message"]


FIELDS = {
    "id", "username", "email", "role", "first_name", "last_name", "created_at", "updated_at",
    "organization_id", "organization_name", "organization_slug", "organization_role",
}  # fmt: skip


async def test_users_are_listed_and_looked_at_without_where_they_belong(
    root: httpx.AsyncClient,
) -> None:
    answer = await root.get("/users")
    assert answer.status_code == 200
    for user in answer.json():
        assert set(user) == FIELDS
        assert user["organization_id"] is None
        assert "password" not in str(user)
    one = await root.get(f"/users/{await id_of(root, 'owner')}")
    assert one.json()["email"] == "owner@example.org"
    assert refused(await root.get(f"/users/{NOBODY}")) == (404, "not_found", "user_not_found")
    assert (await root.get("/users/nonsense")).status_code == 400


async def test_nobody_else_sees_or_changes_users(owner: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/users"),
        ("GET", "/users/search"),
        ("GET", f"/users/{NOBODY}"),
        ("POST", "/users"),
        ("PUT", f"/users/{NOBODY}"),
        ("DELETE", f"/users/{NOBODY}"),
    ):
        answer = await owner.request(method, path)
        assert refused(answer) == (403, "forbidden", "admin_required")


async def test_a_search_has_a_row_for_each_user_and_organization(
    root: httpx.AsyncClient, memory: MemoryAdapters
) -> None:
    owner = UserId(UUID(await id_of(root, "owner")))
    await given(memory.unit_of_work(), a_membership(user=owner, organization=OTHER, role=Role.USER))
    body = (await root.get("/users/search?q=OWNER@")).json()
    assert {key: body[key] for key in ("offset", "limit", "total_count", "filtered_count")} == {
        "offset": 0, "limit": 200, "total_count": 8, "filtered_count": 2,
    }  # fmt: skip
    assert [(row["organization_slug"], row["organization_role"]) for row in body["rows"]] == [
        ("other", "user"),
        ("acme", "owner"),
    ]
    assert all(set(row) == FIELDS for row in body["rows"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=%25", []),  # a wildcard is a letter
        ("q=_", []),
        (f"organization_id={ACME}", ["admin", "alice", "manager", "owner", "user"]),
        ("organization_role=MANAGER", ["manager"]),
        (f"organization_id={OTHER}&organization_role=owner", ["stranger"]),
        ("q=o&sort_by=email&sort_dir=desc&limit=3", ["user", "stranger", "root"]),
        ("sort_by=organization_role&limit=1", ["admin"]),
        ("sort_by=nonsense&limit=1", ["admin"]),
        ("sort_by=role&offset=7", ["alice"]),
        ("limit=0", ["admin"]),
        ("limit=-5&offset=-5", ["admin"]),
    ],
)
async def test_searches(root: httpx.AsyncClient, query: str, names: list[str]) -> None:
    answer = await root.get(f"/users/search?{query}")
    assert answer.status_code == 200, answer.text
    assert [row["username"] for row in answer.json()["rows"]] == names


async def test_all_pages_show_everybody_once_in_whatever_order(root: httpx.AsyncClient) -> None:
    for sort_by in ("username", "email", "role", "created_at", "organization_name"):
        for sort_dir in ("asc", "desc"):
            seen, cursor = list[str](), ""
            while cursor is not None:
                page = (
                    await root.get(
                        f"/users/search?sort_by={sort_by}&sort_dir={sort_dir}"
                        f"&limit=3&cursor={cursor}"
                    )
                ).json()
                seen += [row["id"] for row in page["rows"]]
                cursor = page["next_cursor"]
            assert len(seen) == len(set(seen)) == 8
    nowhere = (await root.get("/users/search?sort_by=organization_name&sort_dir=desc")).json()
    assert nowhere["rows"][-1]["organization_name"] is None


async def test_somebody_gets_an_account_and_signs_in(
    root: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    answer = await root.post("/users", json={"email": "New@Example.org", "password": NEW})
    assert answer.status_code == 201
    user = answer.json()
    assert set(user) == FIELDS
    assert (user["username"], user["email"], user["role"]) == (
        "new@example.org",
        "new@example.org",
        "user",
    )
    login = {"email": "new@example.org", "password": NEW}
    assert (await anonymous.post("/auth/login", json=login)).status_code == 200


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"email": " ", "password": NEW},
         (400, "invalid_request", "email_and_password_required")),
        ({"email": "a@b.test", "password": ""},
         (400, "invalid_request", "email_and_password_required")),
        ({"email": "a@b.test", "password": "short"},
         (400, "invalid_password", "password_too_short")),
        ({"email": "nonsense", "password": NEW},
         (400, "invalid_request", "invalid_email_format")),
        ({"email": "a@b.test", "password": NEW, "username": "x@y.test"},
         (400, "invalid_request", "invalid_username")),
        ({"email": "a@b.test", "password": NEW, "role": "king"},
         (400, "invalid_request", "invalid_platform_role")),
        ({"email": "a@b.test", "password": NEW, "last_name": "x" * 101},
         (400, "invalid_request", "name_too_long")),
        ({"email": "owner@example.org", "password": NEW},
         (409, "email_already_exists", "username_or_email_already_exists")),
        ({"email": "a@b.test", "username": "owner", "password": NEW},
         (409, "email_already_exists", "username_or_email_already_exists")),
    ],
)  # fmt: skip
async def test_accounts_that_cannot_be(
    root: httpx.AsyncClient, body: Json, refusal: tuple[int, str, str]
) -> None:
    assert refused(await root.post("/users", json=body)) == refusal
    assert len((await root.get("/users")).json()) == 8


async def test_a_body_that_is_none_is_told_from_one_that_is_wrong(root: httpx.AsyncClient) -> None:
    for body, status in (("{", 400), ("{}", 422), ('{"email": null, "password": "x"}', 422)):
        answer = await root.post(
            "/users", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == status


async def test_the_console_changes_a_user_and_clears_names(root: httpx.AsyncClient) -> None:
    user_id = await id_of(root, "user")
    form = {"username": "user", "email": "user@example.org", "role": "user"}
    for names, shown in (
        ({"first_name": "U", "last_name": "V"}, ("U", "V")),
        ({"first_name": None}, (None, "V")),
        ({"last_name": ""}, (None, None)),
    ):
        answer = await root.put(f"/users/{user_id}", json=form | names)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == FIELDS
        assert (body["first_name"], body["last_name"]) == shown


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"password": ""}, (400, "invalid_password", "password_blank")),
        ({"password": "short"}, (400, "invalid_password", "password_too_short")),
        ({"role": "king"}, (400, "invalid_request", "invalid_platform_role")),
        ({"email": "owner@example.org"},
         (409, "conflict", "username_or_email_already_exists")),
    ],
)  # fmt: skip
async def test_changes_that_cannot_be_change_nothing(
    root: httpx.AsyncClient, changes: Json, refusal: tuple[int, str, str]
) -> None:
    user_id = await id_of(root, "user")
    before = (await root.get(f"/users/{user_id}")).json()
    answer = await root.put(f"/users/{user_id}", json={"first_name": "Half"} | changes)
    assert refused(answer) == refusal
    assert (await root.get(f"/users/{user_id}")).json() == before
    nobody = await root.put(f"/users/{NOBODY}", json={})
    assert refused(nobody) == (404, "not_found", "user_not_found")


async def test_a_role_and_a_password_count_at_once(
    root: httpx.AsyncClient, sign_in: SignIn
) -> None:
    user, user_id = await sign_in("user"), await id_of(root, "user")
    await root.put(f"/users/{user_id}", json={"role": "admin"})
    assert (await user.get("/users")).status_code == 200
    await root.put(f"/users/{user_id}", json={"role": "user"})
    assert (await user.get("/users")).status_code == 403
    await root.put(f"/users/{user_id}", json={"password": NEW})
    assert (await user.get("/auth/me")).status_code == 401


async def test_a_user_is_deleted_and_signed_out(root: httpx.AsyncClient, sign_in: SignIn) -> None:
    user, user_id = await sign_in("user"), await id_of(root, "user")
    answer = await root.delete(f"/users/{user_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await user.get("/auth/me")).status_code == 401
    assert refused(await root.delete(f"/users/{user_id}")) == (404, "not_found", "user_not_found")


async def test_some_users_cannot_be_deleted(root: httpx.AsyncClient) -> None:
    own = await root.delete(f"/users/{await id_of(root, 'root')}")
    assert refused(own)[:2] == (400, "cannot_delete_self")
    await root.delete(f"/users/{await id_of(root, 'alice')}")
    last = await root.delete(f"/users/{await id_of(root, 'owner')}")
    assert refused(last) == (409, "conflict", "last_owner")
    assert last.json()["organizations"] == ["acme"]
    demoted = await root.put(f"/users/{await id_of(root, 'root')}", json={"role": "user"})
    assert refused(demoted) == (409, "conflict", "last_admin")


async def test_what_was_done_to_users_is_in_the_platform_s_books(root: httpx.AsyncClient) -> None:
    made = await root.post("/users", json={"email": "a@b.test", "password": NEW})
    await root.put(f"/users/{made.json()['id']}", json={"first_name": "A", "password": NEW + "!"})
    await root.delete(f"/users/{made.json()['id']}")
    logs = (await root.get("/platform/action_logs")).json()
    users = [log for log in logs if log["action_type"].startswith("USER_")]
    assert [log["action_type"] for log in users] == ["USER_DELETED", "USER_UPDATED", "USER_CREATED"]
    assert all(log["actor_name"] == "root" for log in users)
    assert NEW not in str(logs)
    assert "argon2" not in str(logs)


async def test_the_console_changes_one_s_profile(sign_in: SignIn) -> None:
    user = await sign_in("user")
    form: dict[str, Any] = {
        "username": "user", "email": "new@example.org", "first_name": "U", "last_name": None,
    }  # fmt: skip
    answer = await user.put("/auth/me", json=form)
    assert answer.status_code == 200
    me = (await user.get("/auth/me")).json()
    assert answer.json() == me
    assert {key: me[key] for key in form} == form
    assert (await user.put("/auth/me", json=form | {"first_name": None})).json()[
        "first_name"
    ] is None
    kept = await user.put("/auth/me", json={"email": None, "username": ""})
    assert kept.json()["email"] == "new@example.org"
    taken = await user.put("/auth/me", json={"username": "owner"})
    assert refused(taken) == (409, "conflict", "username_or_email_already_exists")
    wrong = await user.put("/auth/me", json={"email": "x"})
    assert refused(wrong) == (400, "invalid_request", "invalid_email_format")


async def test_a_password_is_changed_and_the_other_sessions_end(sign_in: SignIn) -> None:
    here, there = await sign_in("user"), await sign_in("user")
    answer = await here.put(
        "/auth/me/password", json={"current_password": PASSWORD, "new_password": NEW}
    )
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert (await here.get("/auth/me")).status_code == 200
    assert (await there.get("/auth/me")).status_code == 401


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [
        ("", NEW, (400, "invalid_request", "passwords_required")),
        (PASSWORD, "", (400, "invalid_request", "passwords_required")),
        ("wrong", NEW, (400, "invalid_current_password", "current_password_invalid")),
        (PASSWORD, "short", (400, "invalid_password", "password_too_short")),
    ],
)
async def test_passwords_that_cannot_be_changed(
    sign_in: SignIn, current: str, new: str, refusal: tuple[int, str, str]
) -> None:
    user = await sign_in("user")
    body = {"current_password": current, "new_password": new}
    assert refused(await user.put("/auth/me/password", json=body)) == refusal


async def mailed_token(application: Application, memory: MemoryAdapters) -> str:
    await application.send_mails()(actor=PLATFORM)
    mailer = memory.mailer()
    assert isinstance(mailer, MemoryMailer)
    text = mailer.sent[-1].text
    return text.partition("/reset-password?token=")[2].split()[0]


async def ask(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post("/auth/password-reset/request", json={"email": email})


async def choose(client: httpx.AsyncClient, token: str, password: str = NEW) -> httpx.Response:
    body = {"token": token, "new_password": password}
    return await client.post("/auth/password-reset/reset", json=body)


async def test_a_forgotten_password_is_reset(
    sign_in: SignIn, application: Application, memory: MemoryAdapters, anonymous: httpx.AsyncClient
) -> None:
    session = await sign_in("user")
    known = await ask(anonymous, "user@example.org")
    unknown = await ask(anonymous, "nobody@example.org")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert known.status_code == 200
    token = await mailed_token(application, memory)
    assert len(memory.mailer().sent) == 1
    answer = await choose(anonymous, token[:3] + f"%{ord(token[3]):X}" + token[4:])
    assert (answer.status_code, set(answer.json())) == (200, {"message"})
    assert (await session.get("/auth/me")).status_code == 401
    login = {"email": "user", "password": NEW}
    assert (await anonymous.post("/auth/login", json=login)).status_code == 200
    again = refused(await choose(anonymous, token))
    assert again == (404, "invalid_token", "token_not_found_or_expired")


@pytest.mark.parametrize(
    ("token", "password", "refusal"),
    [
        ("", NEW, (400, "invalid_request", "token_and_password_required")),
        ("t", " ", (400, "invalid_request", "token_and_password_required")),
        ("t", "short", (400, "invalid_password", "password_too_short")),
        ("%ff%00+/=", NEW, (404, "invalid_token", "token_not_found_or_expired")),
    ],
)
async def test_resets_that_cannot_be(
    people: None,
    anonymous: httpx.AsyncClient,
    token: str,
    password: str,
    refusal: tuple[int, str, str],
) -> None:
    assert refused(await choose(anonymous, token, password)) == refusal
    assert refused(await ask(anonymous, " ")) == (400, "invalid_request", "email_required")


@pytest.mark.parametrize("email", ["user@example.org", "nobody@example.org"])
async def test_whoever_asks_too_often_has_to_wait(
    people: None, anonymous: httpx.AsyncClient, email: str
) -> None:
    for _ in range(SETTINGS.password_resets_per_account):
        assert (await ask(anonymous, email)).status_code == 200
    answer = await ask(anonymous, email)
    assert refused(answer) == (429, "rate_limited", "too_many_attempts")
    assert answer.headers["retry-after"] == "3600"


@pytest.mark.parametrize("login", ["user", "nobody"])
async def test_whoever_guesses_has_to_wait_and_is_let_in_afterwards(
    people: None, anonymous: httpx.AsyncClient, clock: ManualClock, login: str
) -> None:
    wrong = {"email": login, "password": "wrong"}
    for _ in range(SETTINGS.login_failures_per_account):
        assert (await anonymous.post("/auth/login", json=wrong)).status_code == 401
    answer = await anonymous.post("/auth/login", json={"email": login, "password": PASSWORD})
    assert refused(answer) == (429, "rate_limited", "too_many_attempts")
    wait_s = int(answer.headers["retry-after"])
    assert wait_s == SETTINGS.login_window_s
    clock.advance(timedelta(seconds=wait_s))
    answer = await anonymous.post("/auth/login", json={"email": login, "password": PASSWORD})
    assert answer.status_code == (200 if login == "user" else 401)


async def test_whoever_guesses_their_own_password_has_to_wait(sign_in: SignIn) -> None:
    user = await sign_in("user")
    body = {"current_password": "wrong", "new_password": NEW}
    for _ in range(SETTINGS.login_failures_per_account):
        assert (await user.put("/auth/me/password", json=body)).status_code == 400
    answer = await user.put("/auth/me/password", json=body)
    assert answer.status_code == 429
    assert "retry-after" in answer.headers
