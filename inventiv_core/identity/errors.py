"""What can go wrong with who is asking."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Conflict, Forbidden, Invalid, Unauthenticated


@dataclass(eq=False, kw_only=True)
class LoginRequired(Unauthenticated):
    """Sign in first: there is no session with this request."""


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
class LoginTaken(Conflict):
    """Another user has this user name or e-mail address."""

    code = "username_or_email_already_exists"


@dataclass(eq=False, kw_only=True)
class SlugTaken(Conflict):
    """Another organization has this slug."""

    code = "organization_slug_already_exists"

    slug: str


@dataclass(eq=False, kw_only=True)
class PermissionMissing(Forbidden):
    """Your role in this organization does not allow this."""

    permission: str


@dataclass(eq=False, kw_only=True)
class NoCurrentOrganization(Invalid):
    """Choose an organization first: this cannot be done in the personal workspace."""
