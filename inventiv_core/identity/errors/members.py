"""What can go wrong with the members of an organization."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Conflict, Forbidden, Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class MemberNotFound(NotFound):
    """Nobody of that id belongs to this organization."""


@dataclass(eq=False, kw_only=True)
class InvalidRole(Invalid):
    """There is no such role: there are owner, admin, manager and user."""

    role: str


@dataclass(eq=False, kw_only=True)
class RoleChangeNotAllowed(Forbidden):
    """Your role does not allow to make this member that."""

    from_role: str
    to_role: str


@dataclass(eq=False, kw_only=True)
class MemberRemoveNotAllowed(Forbidden):
    """Your role does not allow to remove this member."""

    member_role: str


@dataclass(eq=False, kw_only=True)
class LastOwnerCannotBeChanged(Conflict):
    """This is the last owner: make somebody else an owner first."""


@dataclass(eq=False, kw_only=True)
class LastOwnerCannotBeRemoved(Conflict):
    """This is the last owner: make somebody else an owner, or give the organization up."""
