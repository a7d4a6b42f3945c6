"""What happens to people's access, in the books, and in the post."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from inventiv_core.identity.entities.acts import Act
from inventiv_core.kernel.events import DomainEvent, TenantEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChanged(DomainEvent):
    """What a user may do, or a way in of theirs, is not what it was: whoever knew it, forget it."""

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MailQueued(DomainEvent):
    """There is mail to send."""

    mail_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRecorded(TenantEvent):
    """An act was entered in the books."""

    action_log_id: UUID

    @classmethod
    def of(cls, act: Act) -> Self:
        """Tell others about ``act``."""
        return cls(action_log_id=act.id, organization_id=act.organization_id, occurred_at=act.at)
