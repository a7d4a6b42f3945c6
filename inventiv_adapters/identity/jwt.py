"""Session tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256 (RFC 7515).

Written out, for all else that a library for such tokens can do would only have to be forbidden:
other algorithms, keys that a token brings along, parts that may be left out.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from inventiv_core.identity.access import OrganizationId, SessionId
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.sessions import InvalidToken
from inventiv_core.identity.ports.sessions import SessionTokens

_LEEWAY_S = 60
_REMEMBERED = 2048
"""Of how many tokens, the latest ones used, it is remembered that they are ours."""
_HEADER: Final = {"alg": "HS256", "typ": "JWT"}


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    """How a token says that it is signed."""

    alg: Literal["HS256"]
    crit: msgspec.UnsetType = msgspec.UNSET
    """What must be understood: nothing of the kind is."""


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token must say, and must not."""

    iss: str
    sub: str
    exp: int
    aud: msgspec.UnsetType = msgspec.UNSET
    """Ours are for whoever is asked; one for somebody else is not."""
    nbf: msgspec.UnsetType = msgspec.UNSET
    """Ours are good at once."""


class JwtSessionTokens(SessionTokens):
    """Tokens that say who they are for; what counts is the session row they belong to."""

    def __init__(self, secret: str, *, issuer: str) -> None:
        self._secret = secret
        self._issuer = issuer
        # what was signed stays signed: only the time has to be looked at again
        self._expiry = lru_cache(_REMEMBERED)(self._signed_expiry)

    def issue(
        self,
        user: User,
        *,
        session_id: SessionId,
        organization_id: OrganizationId | None,
        issued_at: datetime,
        expires_at: datetime,
    ) -> str:
        claims = {
            "iss": self._issuer,
            "sub": str(user.id),
            "email": user.email,
            "role": user.role.value,
            "session_id": str(session_id),
            "current_organization_id": None if organization_id is None else str(organization_id),
            "jti": hashlib.sha256(f"{session_id}:{self._secret}".encode()).hexdigest(),
            "iat": int(issued_at.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        signed = f"{_encoded(msgspec.json.encode(_HEADER))}.{_encoded(msgspec.json.encode(claims))}"
        return f"{signed}.{self._signature(signed)}"

    def verify(self, token: str, *, now: datetime) -> None:
        if self._expiry(token) + _LEEWAY_S < now.timestamp():
            raise InvalidToken

    def _signed_expiry(self, token: str) -> int:
        signed, _, signature = token.rpartition(".")
        try:
            is_ours = hmac.compare_digest(signature, self._signature(signed))
        except (TypeError, UnicodeEncodeError) as error:  # it is not even ASCII
            raise InvalidToken from error
        if not is_ours:
            raise InvalidToken
        header, _, payload = signed.partition(".")
        try:
            _decoded(header, _Header)
            claims: _Claims = _decoded(payload, _Claims)
        except (NotBase64, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidToken from error
        if claims.iss != self._issuer:
            raise InvalidToken
        return claims.exp

    def _signature(self, signed: str) -> str:
        return _encoded(hmac.digest(self._secret.encode(), signed.encode(), "sha256"))

    def hash(self, token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()


def _encoded(data: bytes) -> str:
    """Write data as tokens do: base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str, into: type[Any]) -> Any:
    return msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=into)
