"""Mail that waits to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class MailKind(StrEnum):
    """What a mail is about, which decides its text."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind, not a password
    INVITATION = "invitation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Something to tell somebody. What is secret in it is derived when it is sent, never kept."""

    id: UUID
    """Also the ``Message-ID``, so that one that was sent twice is known as the same."""
    kind: MailKind
    recipient: str
    link_id: UUID
    """What the link in it is about: with ``generation``, all that makes up its token."""
    generation: int
    facts: Mapping[str, str]
    """What the text mentions: names, and when the link expires."""
    created_at: datetime
