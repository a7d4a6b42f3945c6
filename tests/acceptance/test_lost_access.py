"""Whoever loses access at one process has lost it at the others, too."""

import time

import httpx

from tests.acceptance.server import Server, eventually
from tests.acceptance.test_several_processes import PASSWORD, events, fleet, signed_in

__all__ = ["fleet"]

CACHED_S = 5.0
"""How long a process may still know a caller, if no word of the loss has come to it."""
NEWCOMER = {
    "username": "newcomer",
    "email": "newcomer@example.org",
    "password": PASSWORD,
    "role": "user",
}


def a_key(client: httpx.Client) -> httpx.Headers:
    """Make an API key; return the header that shows it."""
    made = client.post("/api_keys", json={"name": "a program"})
    assert made.status_code == 200, made.text
    return httpx.Headers({"Authorization": f"Bearer {made.json()['api_key']}"})


def caller(server: Server, headers: httpx.Headers) -> httpx.Client:
    """Return a program, which knows nothing but its key."""
    url = f"http://127.0.0.1:{server.port}"
    return httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)


def refused_within(client: httpx.Client, path: str, seconds: float) -> bool:
    """Tell whether there is an end to the caller's being known, that soon."""
    began = time.monotonic()
    eventually(lambda: client.get(path).status_code == 401, "the end of access")
    return time.monotonic() - began < seconds


def test_a_revoked_key_is_worth_nothing_anywhere(fleet: tuple[Server, Server]) -> None:
    here, there = fleet
    with signed_in(here) as owner, caller(there, a_key(owner)) as program:
        assert program.get("/v1/models").status_code == 200
        [key] = owner.get("/api_keys").json()
        assert owner.delete(f"/api_keys/{key['id']}").status_code == 200
        assert refused_within(program, "/v1/models", CACHED_S)


def test_a_revoked_session_is_over_and_so_is_what_it_watches(fleet: tuple[Server, Server]) -> None:
    here, there = fleet
    with signed_in(here) as owner, signed_in(there) as watcher:
        with watcher.stream("GET", "/events/stream") as stream:
            seen = events(stream.iter_lines())
            assert next(seen) == "hello"
            sessions = watcher.get("/auth/sessions").json()
            [watching] = [s["session_id"] for s in sessions if s["is_current"]]
            assert owner.post(f"/auth/sessions/{watching}/revoke").status_code == 200
            assert list(seen) == []
        assert watcher.get("/auth/me").status_code == 401
        assert owner.get("/auth/me").status_code == 200


def test_whoever_is_deleted_is_out_with_sessions_and_keys(fleet: tuple[Server, Server]) -> None:
    here, there = fleet
    with signed_in(here) as admin:
        user = admin.post("/users", json=NEWCOMER).json()
        with (
            signed_in(there, NEWCOMER["username"]) as newcomer,
            caller(there, a_key(newcomer)) as program,
        ):
            assert program.get("/v1/models").status_code == 200
            assert admin.delete(f"/users/{user['id']}").status_code == 204
            assert newcomer.get("/auth/me").status_code == 401
            assert refused_within(program, "/v1/models", CACHED_S)
