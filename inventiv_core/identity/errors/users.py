"""What can go wrong with users."""

from dataclasses import dataclass

from inventiv_core.identity.errors.names import NameTooLong
from inventiv_core.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class LoginTaken(Conflict):
    """Another user has this user name or e-mail address."""

    code = "username_or_email_already_exists"


@dataclass(eq=False, kw_only=True)
class UserAlreadyExists(LoginTaken):
    """There is a user with this user name or e-mail address already."""

    kind = "email_already_exists"
    code = "username_or_email_already_exists"


@dataclass(eq=False, kw_only=True)
class UserNotFound(NotFound):
    """There is no such user."""


@dataclass(eq=False, kw_only=True)
class EmailAndPasswordRequired(Invalid):
    """A user needs an e-mail address and a password."""


@dataclass(eq=False, kw_only=True)
class PersonalNameTooLong(NameTooLong):
    """This name is too long for a person."""

    code = "name_too_long"

    field: str
    """Which of them."""


@dataclass(eq=False, kw_only=True)
class InvalidPlatformRole(Invalid):
    """There is no such role on the platform: there are admin and user."""

    code = "invalid_platform_role"

    role: str


@dataclass(eq=False, kw_only=True)
class CannotDeleteSelf(Invalid):
    """This is your own account: another administrator can delete it."""

    kind = "cannot_delete_self"


@dataclass(eq=False, kw_only=True)
class LastAdmin(Conflict):
    """This is the last administrator of the platform: make one of somebody else first."""


@dataclass(eq=False, kw_only=True)
class LastOwner(Conflict):
    """Nobody else owns what this user owns: make somebody else an owner first.

    An organization that has no other member, and no machines, would be given up with the user.
    """

    organizations: tuple[str, ...]
    """The slugs of those that have other members, or machines."""


@dataclass(eq=False, kw_only=True)
class UserChangedMeanwhile(Conflict):
    """Somebody has changed where this user belongs, at this very moment: try again."""
