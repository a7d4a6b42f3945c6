"""An act: something that somebody did to what the platform keeps, for the books."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from inventiv_core.identity.access import Actor, OrganizationId, UserId
from inventiv_core.identity.entities.invitations import Invitation
from inventiv_core.identity.entities.organizations import Organization


class ActKind(StrEnum):
    """What people do about who they are. Clients know some of these codes."""

    LOGIN = "LOGIN"
    LOGIN_FAILED = "LOGIN_FAILED"
    LOGOUT = "LOGOUT"
    SESSION_REVOKED = "SESSION_REVOKED"

    PROFILE_UPDATED = "PROFILE_UPDATED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a kind, not a password
    PASSWORD_RESET_REQUESTED = "PASSWORD_RESET_REQUESTED"  # noqa: S105 - likewise
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 - likewise
    USER_CREATED = "USER_CREATED"
    USER_UPDATED = "USER_UPDATED"
    USER_DELETED = "USER_DELETED"

    USER_REGISTERED = "USER_REGISTERED"
    """Somebody who was invited made an account."""

    API_KEY_CREATED = "API_KEY_CREATED"
    API_KEY_UPDATED = "API_KEY_UPDATED"
    API_KEY_REVOKED = "API_KEY_REVOKED"

    ORG_CREATED = "ORG_CREATED"
    ORG_UPDATED = "ORG_UPDATED"
    ORG_DELETED = "ORG_DELETED"
    ORG_MEMBER_ROLE_UPDATED = "ORG_MEMBER_ROLE_UPDATED"
    ORG_MEMBER_REMOVED = "ORG_MEMBER_REMOVED"
    ORG_INVITATION_CREATED = "ORG_INVITATION_CREATED"
    ORG_INVITATION_RESENT = "ORG_INVITATION_RESENT"
    ORG_INVITATION_REVOKED = "ORG_INVITATION_REVOKED"
    ORG_INVITATION_ACCEPTED = "ORG_INVITATION_ACCEPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was acted on. The name is kept, so that the entry outlives the thing."""

    kind: str
    """Such as ``user`` or ``api_key``."""
    id: UUID
    name: str

    @classmethod
    def user(cls, id: UserId, username: str) -> Self:
        """Return somebody as what was acted on."""
        return cls(kind="user", id=id, name=username)

    @classmethod
    def organization(cls, organization: Organization) -> Self:
        """Return an organization as what was acted on."""
        return cls(kind="organization", id=organization.id, name=organization.name)

    @classmethod
    def invitation(cls, invitation: Invitation) -> Self:
        """Return an invitation as what was acted on, by the address it went to."""
        return cls(kind="invitation", id=invitation.id, name=invitation.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who did what, when, from where, on what. Never changed once recorded."""

    id: UUID
    kind: StrEnum
    """Such as `ActKind.LOGIN`; other domains have kinds of their own."""
    actor: Actor
    organization_id: OrganizationId | None
    """In whose books it is; ``None`` for the platform's."""
    subject: Subject
    at: datetime
    before: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The values that the act has changed, as they were. Never a secret, nor its hash."""
    after: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The same, as they are now."""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else clients expect to find in the entry."""
    error_code: str | None = None
    """Why it was refused, if it was."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What the entry says beyond who, when and from where."""
        subject = {"type": self.subject.kind, "id": self.subject.id, "name": self.subject.name}
        changes = {"before": dict(self.before), "after": dict(self.after)}
        return {
            **self.facts,
            "subject": subject,
            **{name: values for name, values in changes.items() if values},
        }
