"""What members may do to each other: the rules, as data."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from inventiv_core.identity.access import Permission, Role
from inventiv_core.identity.errors.access import InsufficientPermissionsToInvite
from inventiv_core.identity.errors.invitations import CannotInviteOwnerOrAdminRole
from inventiv_core.identity.errors.members import (
    InvalidRole,
    MemberRemoveNotAllowed,
    RoleChangeNotAllowed,
)

_O, _A, _M, _U = Role.OWNER, Role.ADMIN, Role.MANAGER, Role.USER
_LONGEST_WORD: Final = 64
"""Of what is no role, as much is said back."""
_ANY: Final = frozenset(Role)

CHANGES: Final[Mapping[Role, frozenset[tuple[Role, Role]]]] = MappingProxyType({
    _O: frozenset((before, after) for before in Role for after in Role),
    _A: frozenset({(_U, _A), (_A, _U)}),
    _M: frozenset({(_U, _M), (_M, _U)}),
    _U: frozenset(),
})  # fmt: skip
"""From what to what a role may change others, and itself."""

REMOVALS: Final[Mapping[Role, frozenset[Role]]] = MappingProxyType({
    _O: _ANY,
    _A: frozenset({_A, _U}),
    _M: frozenset({_M, _U}),
    _U: frozenset(),
})  # fmt: skip
"""Whom a role may remove, beside itself: everybody may leave."""

INVITATIONS: Final[Mapping[Role, frozenset[Role]]] = MappingProxyType({
    _O: _ANY,
    _A: frozenset({_U}),
    _M: frozenset({_M, _U}),
    _U: frozenset(),
})  # fmt: skip
"""As what a role may invite: never as what it could not have made of a user.

Technical and economic rights stay apart, so an admin invites no manager; and only an
owner invites an admin, although an admin may make one of a member.
"""


def role_of(text: str) -> Role:
    """Return the role of that name, in whatever case; raises `InvalidRole`."""
    try:
        return Role(text.strip().lower())
    except ValueError as error:
        raise InvalidRole(role=text[:_LONGEST_WORD]) from error


def must_be_able_to_change(actor: Role, before: Role, after: Role) -> None:
    """Return if ``actor`` may make ``after`` of ``before``; raises `RoleChangeNotAllowed`."""
    if (before, after) not in CHANGES[actor]:
        raise RoleChangeNotAllowed(from_role=before, to_role=after)


def must_be_able_to_remove(actor: Role, member: Role, *, is_self: bool) -> None:
    """Return if ``actor`` may remove a ``member``; raises `MemberRemoveNotAllowed`."""
    if not is_self and member not in REMOVALS[actor]:
        raise MemberRemoveNotAllowed(member_role=member)


def may_invite(actor: Role, role: Role) -> bool:
    """Tell whether ``actor`` may invite somebody as ``role``."""
    return role in INVITATIONS[actor]


def must_be_able_to_invite(actor: Role, role: Role) -> None:
    """Return if ``actor`` may invite somebody as ``role``.

    Raises:
        CannotInviteOwnerOrAdminRole: That takes an owner.
        InsufficientPermissionsToInvite: That takes another role.
    """
    if may_invite(actor, role):
        return
    if role in {Role.OWNER, Role.ADMIN}:
        raise CannotInviteOwnerOrAdminRole(role=role)
    raise InsufficientPermissionsToInvite(permission=Permission.INVITE_MEMBERS)
