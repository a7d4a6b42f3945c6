"""Session tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256.

The library is imported with the first token: it brings along what other algorithms need, ten
megabytes of it, unless whoever starts the process has seen to that before.
"""

import hashlib
from datetime import datetime
from functools import lru_cache

from inventiv_core.identity.access import OrganizationId, SessionId
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.sessions import InvalidToken
from inventiv_core.identity.ports.sessions import SessionTokens

_LEEWAY_S = 60
_REMEMBERED = 2048
"""Of how many tokens, the latest ones used, it is remembered that they are ours."""


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
        import jwt  # noqa: PLC0415 - as above

        return jwt.encode(claims, self._secret, algorithm="HS256")

    def verify(self, token: str, *, now: datetime) -> None:
        if self._expiry(token) + _LEEWAY_S < now.timestamp():
            raise InvalidToken

    def _signed_expiry(self, token: str) -> int:
        import jwt  # noqa: PLC0415 - as above

        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                issuer=self._issuer,
                # the application's clock decides, not the machine's
                options={
                    "require": ["exp", "iss", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, UnicodeEncodeError) as error:
            raise InvalidToken from error
        expiry = claims["exp"]
        if not isinstance(expiry, int):
            raise InvalidToken
        return expiry

    def hash(self, token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()
