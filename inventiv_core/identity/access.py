"""Who may do what: the whole table on one screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from types import MappingProxyType
from typing import Final, NewType
from uuid import UUID

from inventiv_core.identity.errors.access import (
    AdminRequired,
    InsufficientPermissionsToInvite,
    NoCurrentOrganization,
    PermissionMissing,
)

UserId = NewType("UserId", UUID)
OrganizationId = NewType("OrganizationId", UUID)
SessionId = NewType("SessionId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)


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
    """Something that a caller may be allowed to do."""

    USE_ACCOUNT = "use_account"
    """One's own profile, password, sessions, organizations and invitations."""
    MANAGE_OWN_KEYS = "manage_own_keys"
    VIEW_ORGANIZATION_KEYS = "view_organization_keys"
    MANAGE_ORGANIZATION_KEYS = "manage_organization_keys"
    USE_ORGANIZATION = "use_organization"
    """See who belongs to it, and leave it. What one may do to others depends on both roles."""
    INVITE_MEMBERS = "invite_members"
    MANAGE_ORGANIZATION = "manage_organization"
    """Rename it, give it up."""
    MANAGE_USERS = "manage_users"

    VIEW_CATALOG = "view_catalog"
    MANAGE_CATALOG = "manage_catalog"
    VIEW_OFFERINGS = "view_offerings"
    MANAGE_OFFERINGS = "manage_offerings"
    """What the organization offers, to whom, for how long."""
    SET_PRICES = "set_prices"
    """At what price: others can use it only then."""
    VIEW_SETTINGS = "view_settings"
    """Of the organization: parameters and state of its providers."""
    MANAGE_SETTINGS = "manage_settings"
    MANAGE_PLATFORM = "manage_platform"
    """What holds for all organizations: global settings, commands."""

    VIEW_INSTANCES = "view_instances"
    MANAGE_INSTANCES = "manage_instances"
    ACTIVATE_TECHNICALLY = "activate_technically"
    """Answer for it that an instance is set up as it should be."""
    ACTIVATE_ECONOMICALLY = "activate_economically"
    """Answer for it that an instance is worth its price."""
    VIEW_ACTIONS = "view_actions"
    VIEW_PLATFORM_ACTIONS = "view_platform_actions"
    """Actions that belong to no organization: users, sign-ins, the catalog."""

    VIEW_COSTS = "view_costs"
    """Of the organization: what its machines cost, and have cost."""
    VIEW_ALL_COSTS = "view_all_costs"
    """Of all organizations together."""
    VIEW_WALLET = "view_wallet"
    """Of the workspace: what is in its wallet, and what went in and out."""
    MANAGE_BILLING = "manage_billing"
    """Top up wallets, change plans, price tokens."""

    INFER = "infer"
    VIEW_LIMITS = "view_limits"
    """Of the organization: how much may be used, by whom."""
    MANAGE_LIMITS = "manage_limits"
    USE_WORKBENCH = "use_workbench"
    """One's own runs and projects, and those that others share."""

    REPORT = "report"
    """Be the worker of an instance. The use case checks its token."""
    OPERATE = "operate"
    """Work for the platform itself: reconcile, sweep, relay. Nobody signs in as this."""


class Holder(Flag):
    """Who may hold a permission: the columns of the table."""

    OWNER = auto()
    ADMIN = auto()
    MANAGER = auto()
    USER = auto()
    PERSONAL = auto()
    """Whoever is signed in, in the personal workspace."""
    GLOBAL = auto()
    """The platform's administrators, in whatever workspace."""
    KEY = auto()
    """An API key, if its user holds the permission in the key's workspace, too."""
    WORKER = auto()
    SERVER = auto()


_P, _H = Permission, Holder
OWN, ADM, MAN, USR, PER = _H.OWNER, _H.ADMIN, _H.MANAGER, _H.USER, _H.PERSONAL
GLO, KEY, WRK, SRV = _H.GLOBAL, _H.KEY, _H.WORKER, _H.SERVER

HOLDERS: Final[Mapping[Permission, Holder]] = MappingProxyType({
    # in an organization, as its:     owner  admin  manager user  personal global key
    _P.USE_ACCOUNT:                   OWN  | ADM  | MAN  | USR  | PER,
    _P.MANAGE_OWN_KEYS:               OWN  | ADM  | MAN  | USR  | PER,
    _P.VIEW_ORGANIZATION_KEYS:        OWN  | ADM  | MAN  | USR,
    _P.MANAGE_ORGANIZATION_KEYS:      OWN  | ADM,
    _P.USE_ORGANIZATION:              OWN  | ADM  | MAN  | USR,
    _P.INVITE_MEMBERS:                OWN  | ADM  | MAN,
    _P.MANAGE_ORGANIZATION:           OWN,
    _P.MANAGE_USERS:                                              GLO,

    _P.VIEW_CATALOG:                  OWN  | ADM  | MAN  | USR  | PER,
    _P.MANAGE_CATALOG:                                            GLO,
    _P.VIEW_OFFERINGS:                OWN  | ADM  | MAN  | USR,
    _P.MANAGE_OFFERINGS:              OWN  | ADM,
    _P.SET_PRICES:                    OWN         | MAN,
    _P.VIEW_SETTINGS:                 OWN  | ADM  | MAN,
    _P.MANAGE_SETTINGS:               OWN  | ADM,
    _P.MANAGE_PLATFORM:                                           GLO,

    _P.VIEW_INSTANCES:                OWN  | ADM  | MAN  | USR  | PER,
    _P.MANAGE_INSTANCES:              OWN  | ADM,
    _P.ACTIVATE_TECHNICALLY:          OWN  | ADM,
    _P.ACTIVATE_ECONOMICALLY:         OWN         | MAN,
    _P.VIEW_ACTIONS:                  OWN  | ADM  | MAN,
    _P.VIEW_PLATFORM_ACTIONS:                                     GLO,

    _P.VIEW_COSTS:                    OWN  | ADM  | MAN                 | GLO,
    _P.VIEW_ALL_COSTS:                                            GLO,
    _P.VIEW_WALLET:                   OWN  | ADM  | MAN         | PER,
    _P.MANAGE_BILLING:                                            GLO,

    _P.INFER:                         OWN  | ADM  | MAN  | USR  | PER         | KEY,
    _P.VIEW_LIMITS:                   OWN  | ADM  | MAN,
    _P.MANAGE_LIMITS:                 OWN  | ADM,
    _P.USE_WORKBENCH:                 OWN  | ADM  | MAN  | USR  | PER         | KEY,

    _P.REPORT:                        WRK,
    _P.OPERATE:                       SRV,
})  # fmt: skip


def _held_by(holder: Holder) -> frozenset[Permission]:
    return frozenset(permission for permission, holders in HOLDERS.items() if holder in holders)


ROLE_PERMISSIONS: Final[Mapping[Role | None, frozenset[Permission]]] = MappingProxyType(
    {role: _held_by(_H[role.name]) for role in Role} | {None: _held_by(_H.PERSONAL)}
)
"""What a role in an organization allows; ``None`` is the personal workspace."""

GLOBAL_PERMISSIONS: Final = _held_by(_H.GLOBAL)
KEY_PERMISSIONS: Final = _held_by(_H.KEY)
"""The most that an API key can allow."""

_IN_AN_ORGANIZATION: Final = OWN | ADM | MAN | USR


def granted(role: Role | None, platform_role: PlatformRole) -> frozenset[Permission]:
    """Return what a signed-in user may do: by the role in the workspace, and on the platform."""
    if platform_role is PlatformRole.ADMIN:
        return ROLE_PERMISSIONS[role] | GLOBAL_PERMISSIONS
    return ROLE_PERMISSIONS[role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whoever does something: a signed-in user, an API key, or the platform itself."""

    user_id: UserId | None
    """``None`` for the platform itself."""
    organization_id: OrganizationId | None
    """The current workspace; ``None`` is the personal one."""
    permissions: frozenset[Permission]
    name: str | None = None
    """The user's name at this moment, for the books."""
    session_id: SessionId | None = None
    api_key_id: ApiKeyId | None = None
    models: frozenset[str] | None = None
    """The public names of the models that the API key may use; ``None`` for all."""
    source_ip: str | None = None

    def must(self, permission: Permission) -> None:
        """Return if the actor holds ``permission``.

        Raises:
            NoCurrentOrganization: It takes a role in an organization; none is chosen.
            AdminRequired: It takes an administrator of the platform.
            PermissionMissing: The actor's role does not allow it.
        """
        if permission in self.permissions:
            return
        holders = HOLDERS[permission]
        if holders == GLO:
            raise AdminRequired(permission=permission)
        if self.organization_id is None and holders & _IN_AN_ORGANIZATION and PER not in holders:
            raise NoCurrentOrganization
        refusal = _REFUSALS.get(permission, PermissionMissing)
        raise refusal(permission=permission)

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

    def must_be_user(self, permission: Permission) -> UserId:
        """Return the user, who holds ``permission``; raises like `must`."""
        self.must(permission)
        if self.user_id is None:
            raise PermissionMissing(permission=permission)
        return self.user_id


_REFUSALS: Final[Mapping[Permission, type[PermissionMissing]]] = MappingProxyType(
    {_P.INVITE_MEMBERS: InsufficientPermissionsToInvite}
)
"""Refusals that clients know by a name of their own."""

PLATFORM: Final = Actor(
    user_id=None, organization_id=None, permissions=frozenset({Permission.OPERATE})
)
"""The control plane's own hands: background work acts as this."""
