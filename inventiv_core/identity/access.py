"""Who may do what: the whole table on one screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType
from uuid import UUID

from inventiv_core.identity.errors import NoCurrentOrganization, PermissionMissing

UserId = NewType("UserId", UUID)
OrganizationId = NewType("OrganizationId", UUID)
SessionId = NewType("SessionId", UUID)


class Role(StrEnum):
    """What someone is in an organization."""

    OWNER = "owner"
    ADMIN = "admin"
    MANAGER = "manager"
    USER = "user"


class PlatformRole(StrEnum):
    """What someone is on the whole platform."""

    ADMIN = "admin"
    USER = "user"


class Permission(StrEnum):
    """Something a role may allow."""

    VIEW_CATALOG = "view_catalog"
    VIEW_INSTANCES = "view_instances"
    MANAGE_INSTANCES = "manage_instances"
    VIEW_ACTIONS = "view_actions"
    INFER = "infer"
    OPERATE = "operate"
    """Work for the platform itself: reconcile, sweep, relay. Nobody signs in as this."""


_P = Permission
_EVERYONE = frozenset({_P.VIEW_CATALOG, _P.INFER})
"""Everyone who is signed in, in whatever workspace."""

ROLE_PERMISSIONS: Final[Mapping[Role | None, frozenset[Permission]]] = MappingProxyType({
    Role.OWNER:   _EVERYONE | {_P.VIEW_INSTANCES, _P.MANAGE_INSTANCES, _P.VIEW_ACTIONS},
    Role.ADMIN:   _EVERYONE | {_P.VIEW_INSTANCES, _P.MANAGE_INSTANCES, _P.VIEW_ACTIONS},
    Role.MANAGER: _EVERYONE | {_P.VIEW_INSTANCES,                      _P.VIEW_ACTIONS},
    Role.USER:    _EVERYONE | {_P.VIEW_INSTANCES},
    None:         _EVERYONE,  # the personal workspace
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whoever does something: a signed-in user in one workspace, or the platform itself."""

    user_id: UserId | None
    """``None`` for the platform itself."""
    organization_id: OrganizationId | None
    """The current workspace; ``None`` is the personal one."""
    permissions: frozenset[Permission]
    session_id: SessionId | None = None
    source_ip: str | None = None

    def must(self, permission: Permission) -> None:
        """Raise `PermissionMissing` unless the actor holds ``permission``."""
        if permission not in self.permissions:
            raise PermissionMissing(permission=permission)

    def must_in_organization(self, permission: Permission) -> OrganizationId:
        """Return the organization in which the actor holds ``permission``.

        Raises:
            NoCurrentOrganization: The actor is in the personal workspace.
            PermissionMissing: The role in that organization does not allow it.
        """
        if self.organization_id is None:
            raise NoCurrentOrganization
        self.must(permission)
        return self.organization_id


PLATFORM: Final = Actor(
    user_id=None, organization_id=None, permissions=frozenset({Permission.OPERATE})
)
"""The control plane's own hands: background work acts as this."""
