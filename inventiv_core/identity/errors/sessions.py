"""What can go wrong with signing in, and with staying signed in."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Forbidden, Invalid, NotFound, Unauthenticated


@dataclass(eq=False, kw_only=True)
class LoginRequired(Unauthenticated):
    """Sign in first: there is no session with this request."""


@dataclass(eq=False, kw_only=True)
class ApiKeyOrLoginRequired(Unauthenticated):
    """Send an API key, or sign in first: there is no valid key or session with this request."""


@dataclass(eq=False, kw_only=True)
class InvalidToken(Unauthenticated):
    """The session token is damaged, expired, or not ours."""


@dataclass(eq=False, kw_only=True)
class SessionInvalidOrExpired(Unauthenticated):
    """The session has ended: sign in again."""


@dataclass(eq=False, kw_only=True)
class InvalidCredentials(Unauthenticated):
    """The user name or the password is wrong."""

    kind = "invalid_credentials"


@dataclass(eq=False, kw_only=True)
class CredentialsMissing(Invalid):
    """Both a user name (or e-mail address) and a password are needed."""


@dataclass(eq=False, kw_only=True)
class SessionNotFound(NotFound):
    """There is no such session, or it has ended."""

    kind = "session_not_found"


@dataclass(eq=False, kw_only=True)
class SessionDoesNotBelongToUser(Forbidden):
    """This session is somebody else's."""


@dataclass(eq=False, kw_only=True)
class CannotRevokeCurrentSession(Invalid):
    """This is the session you are using: sign out instead."""

    kind = "cannot_revoke_current_session"
    code = "use_logout_endpoint_instead"


@dataclass(eq=False, kw_only=True)
class NotAMember(Forbidden):
    """You do not belong to this organization, or there is none."""

    code = "not_a_member"


@dataclass(eq=False, kw_only=True)
class SessionMissing(Invalid):
    """Only a session has a workspace to choose: sign in."""

    kind = "invalid_session"
    code = "invalid_session"
