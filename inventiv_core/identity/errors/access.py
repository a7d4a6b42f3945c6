"""Somebody may not do this."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Forbidden, Invalid, TooMany


@dataclass(eq=False, kw_only=True)
class PermissionMissing(Forbidden):
    """Your role in this workspace does not allow this."""

    permission: str


@dataclass(eq=False, kw_only=True)
class InsufficientPermissionsToInvite(PermissionMissing):
    """Owners invite as anything, admins as users, managers as managers or users; users do not."""


@dataclass(eq=False, kw_only=True)
class AdminRequired(PermissionMissing):
    """Only an administrator of the platform can do this."""


@dataclass(eq=False, kw_only=True)
class NoCurrentOrganization(Invalid):
    """Choose an organization first: this cannot be done in the personal workspace."""


@dataclass(eq=False, kw_only=True)
class TooManyAttempts(TooMany):
    """Too many attempts: wait a while before the next one."""
