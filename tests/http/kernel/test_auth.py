"""Who is let in."""

from datetime import timedelta

import httpx
import pytest

from inventiv_adapters.identity.jwt import JwtSessionTokens
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import SessionId
from inventiv_http.container import MemoryAdapters
from tests.builders import NOON, a_number, a_user
from tests.conftest import SETTINGS

COOKIE = SETTINGS.session_cookie_name
LIFETIME = timedelta(seconds=SETTINGS.session_lifetime_s)


def forged(*, secret: str = SETTINGS.jwt_secret or "", issuer: str = SETTINGS.jwt_issuer) -> str:
    """Return a token that no session belongs to."""
    return JwtSessionTokens(secret, issuer=issuer).issue(
        a_user(),
        session_id=SessionId(a_number()),
        organization_id=None,
        issued_at=NOON,
        expires_at=NOON + LIFETIME,
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def refusal(client: httpx.AsyncClient, **headers: str) -> str:
    """Return with which code the client is refused."""
    answer = await client.get("/auth/me", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized"
    return str(answer.json()["message"])


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer", "bearer abc", "Basic YTpi", "abc"])
async def test_whoever_brings_no_token_has_to_sign_in(
    anonymous: httpx.AsyncClient, header: str
) -> None:
    assert await refusal(anonymous, authorization=header) == "login_required"


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        forged(secret="the secret of somebody else, and a long one"),
        forged(issuer="somebody-else"),
        # {"alg":"none"} and the claims of nobody
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4IiwiZXhwIjo5OTk5OTk5OTk5fQ.",
    ],
)
async def test_a_token_that_is_not_ours_is_invalid(
    anonymous: httpx.AsyncClient, token: str
) -> None:
    assert await refusal(anonymous, **bearer(token)) == "invalid_token"
    assert await refusal(anonymous, cookie=f"{COOKIE}={token}") == "invalid_token"


async def test_a_token_of_ours_without_a_session_is_over(anonymous: httpx.AsyncClient) -> None:
    assert await refusal(anonymous, **bearer(forged())) == "session_invalid_or_expired"


async def test_a_session_ends_after_its_lifetime(
    owner: httpx.AsyncClient, clock: ManualClock
) -> None:
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert (await owner.get("/auth/me")).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert await refusal(owner) == "session_invalid_or_expired"
    clock.advance(timedelta(minutes=2))
    assert await refusal(owner) == "invalid_token"


async def test_a_revoked_session_is_over_for_whoever_still_has_its_token(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    token = owner.cookies[COOKIE]
    await owner.post("/auth/logout")
    assert await refusal(anonymous, **bearer(token)) == "session_invalid_or_expired"


async def test_programs_may_send_the_token_as_a_bearer(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    answer = await anonymous.get("/auth/me", headers=bearer(owner.cookies[COOKIE]))
    assert answer.json()["username"] == "owner"


async def test_the_cookie_wins_over_the_bearer(
    owner: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    token = owner.cookies[COOKIE]
    assert (await owner.get("/auth/me", headers=bearer("broken"))).status_code == 200
    broken = {"cookie": f"{COOKIE}=broken"}
    assert await refusal(anonymous, **broken, **bearer(token)) == "invalid_token"


async def test_an_api_call_does_not_move_the_end_of_the_session(
    memory: MemoryAdapters, owner: httpx.AsyncClient, clock: ManualClock
) -> None:
    for _ in range(12):
        clock.advance(timedelta(hours=1) - timedelta(seconds=1))
        assert (await owner.get("/auth/me")).status_code == 200
    clock.advance(timedelta(seconds=12))
    assert await refusal(owner) == "session_invalid_or_expired"
