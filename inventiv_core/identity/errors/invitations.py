"""What can go wrong with invitations."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Conflict, Forbidden, Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class EmailRequired(Invalid):
    """An invitation needs an e-mail address."""


@dataclass(eq=False, kw_only=True)
class InvalidEmailFormat(Invalid):
    """This is no e-mail address."""


@dataclass(eq=False, kw_only=True)
class InvalidExpiresInDays(Invalid):
    """An invitation lasts for some days, and not for ever."""

    least: int
    most: int


@dataclass(eq=False, kw_only=True)
class CannotInviteOwnerOrAdminRole(Forbidden):
    """Only owners can invite owners and admins."""

    role: str


@dataclass(eq=False, kw_only=True)
class UserAlreadyMember(Conflict):
    """Whoever has this address belongs to the organization already."""


@dataclass(eq=False, kw_only=True)
class InvitationAlreadyExists(Conflict):
    """This address is invited already: send that invitation again, or revoke it."""


@dataclass(eq=False, kw_only=True)
class InvitationNotFound(NotFound):
    """There is no such invitation, or it was revoked."""


@dataclass(eq=False, kw_only=True)
class InvitationNoLongerValid(NotFound):
    """Whoever has sent this invitation may not do so any more: ask for another one."""


@dataclass(eq=False, kw_only=True)
class InvitationAlreadyAccepted(Conflict):
    """This invitation has been accepted."""


@dataclass(eq=False, kw_only=True)
class InvitationExpired(Invalid):
    """This invitation has expired: ask for another one."""


@dataclass(eq=False, kw_only=True)
class EmailMismatch(Forbidden):
    """This invitation is for another e-mail address than yours."""


@dataclass(eq=False, kw_only=True)
class AccountAlreadyExists(Conflict):
    """The invited address has an account: sign in, and accept the invitation there."""
