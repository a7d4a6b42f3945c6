"""Session tokens."""

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

import jwt
import pytest

from inventiv_adapters.identity.jwt import JwtSessionTokens
from inventiv_core.identity.access import SessionId
from inventiv_core.identity.errors.sessions import InvalidToken
from tests.builders import ACME, NOON, a_number, a_user

SECRET = "a secret for tests only, " * 3
HOUR = timedelta(hours=1)
HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"iss": "us", "sub": "somebody", "exp": int((NOON + HOUR).timestamp())}
TOKENS = JwtSessionTokens(SECRET, issuer="us")


def issued(*, by: JwtSessionTokens = TOKENS, at: datetime = NOON) -> str:
    return by.issue(
        a_user(),
        session_id=SessionId(a_number()),
        organization_id=ACME,
        issued_at=at,
        expires_at=at + HOUR,
    )


def forged(algorithm: str = "HS256", **changes: object) -> str:
    kept = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode(kept, SECRET if algorithm != "none" else "", algorithm=algorithm)


def signed(header: object, claims: object) -> str:
    """Return a token of any two values, or texts that stand for none, signed as ours are."""
    parts = [
        each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, claims)
    ]
    text = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = urlsafe_b64encode(hmac.digest(SECRET.encode(), text, "sha256")).rstrip(b"=")
    return (text + b"." + signature).decode()


def test_a_token_that_was_issued_is_accepted() -> None:
    TOKENS.verify(issued(), now=NOON)


def test_a_token_says_who_it_is_for() -> None:
    claims = jwt.decode(
        issued(), SECRET, algorithms=["HS256"], issuer="us", options={"verify_exp": False}
    )
    assert claims["sub"] == str(a_user().id)
    assert claims["current_organization_id"] == str(ACME)
    assert claims["exp"] - claims["iat"] == HOUR.total_seconds()


def test_two_tokens_are_never_the_same() -> None:
    assert issued() != issued()


@pytest.mark.parametrize("century", [-1, 1])
def test_the_clock_that_counts_is_the_one_given(century: int) -> None:
    then = NOON.replace(year=NOON.year + 100 * century)
    TOKENS.verify(issued(at=then), now=then)


def test_a_token_expires_a_minute_late_at_the_most() -> None:
    token = issued()
    TOKENS.verify(token, now=NOON + HOUR + timedelta(seconds=60))
    with pytest.raises(InvalidToken):
        TOKENS.verify(token, now=NOON + HOUR + timedelta(seconds=61))


def test_a_token_that_was_accepted_expires_all_the_same() -> None:
    token, tokens = issued(), JwtSessionTokens(SECRET, issuer="us")
    for _ in range(2):
        tokens.verify(token, now=NOON)
    with pytest.raises(InvalidToken):
        tokens.verify(token, now=NOON + 2 * HOUR)
    with pytest.raises(InvalidToken):
        tokens.verify(token[:-4] + "AAAA", now=NOON)


def test_what_is_forged_below_would_be_accepted_unchanged() -> None:
    TOKENS.verify(forged(), now=NOON)
    TOKENS.verify(signed(HEADER, CLAIMS), now=NOON)


@pytest.mark.parametrize(
    "token",
    [
        issued(by=JwtSessionTokens(SECRET[::-1], issuer="us")),
        issued(by=JwtSessionTokens(SECRET, issuer="them")),
        forged("none"),
        forged("HS512"),
        forged(iss=None),
        forged(sub=None),
        forged(exp=None),
        forged(exp="tomorrow"),
        forged(exp=1e300),
        forged(exp=True),
        forged(aud="them"),
        signed(HEADER | {"alg": "hs256"}, CLAIMS),
        signed(HEADER | {"crit": ["exp"]}, CLAIMS),
        signed({"typ": "JWT"}, CLAIMS),
        signed([HEADER], CLAIMS),
        signed(HEADER, [CLAIMS]),
        signed(HEADER, b"\xff"),
        signed(HEADER, b"[" * 100_000),
        signed(b"", b""),
        issued() + "\n",
        issued().replace(".", "..", 1),
        issued()[:-2],
        issued().rpartition(".")[0] + ".",
        issued().rpartition(".")[0],
        "",
        "a.b.c",
        "not a token",
        "jeton à moi",
        "a.b.\ud800",
        "\ud800.b.c",
        "\x00",
    ],
    ids=[
        "another secret",
        "another issuer",
        "not signed",
        "another algorithm",
        "no issuer",
        "no subject",
        "no expiry",
        "expires in words",
        "much too late",
        "expires truly",
        "for others",
        "an algorithm in small letters",
        "something critical",
        "no algorithm",
        "a list of headers",
        "a list of claims",
        "not UTF-8",
        "very deep",
        "nothing, signed",
        "one line more",
        "one part more",
        "cut off",
        "an empty signature",
        "no signature",
        "empty",
        "three letters",
        "words",
        "not ASCII",
        "a signature of no text",
        "of no text",
        "a NUL",
    ],
)
def test_what_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        TOKENS.verify(token, now=NOON)


def test_only_a_hash_is_kept() -> None:
    assert TOKENS.hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
