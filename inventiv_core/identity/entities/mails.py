"""Mail that waits to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID


class MailKind(StrEnum):
    """What a mail is about, which decides its text."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind, not a password
    INVITATION = "invitation"
    ADDRESS_CHANGED = "address_changed"
    """To the address that an account had before: there is no link in it."""


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

    @property
    def expires_at(self) -> datetime | None:
        """When its link expires, after which there is no point in sending it."""
        written = self.facts.get("expires_at")
        return None if written is None else datetime.fromisoformat(written)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAttempt:
    """The right to try to send a mail, for a while. Its number tells it from later ones."""

    mail: Mail
    number: int
    """1 for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A mail, written: what is handed to whoever delivers it."""

    id: UUID
    recipient: str
    subject: str
    """On one line, whatever names are in it."""
    text: str
    html: str
    """The same, for programs that show it nicely."""
    written_at: datetime


_MINUTES: Final = (1, 5, 15, 60, 180, 360, 780)
"""How long to wait after each attempt that has failed: together, about a day."""

MOST_ATTEMPTS: Final = len(_MINUTES) + 1

SEND_LEASE: Final = timedelta(minutes=2)
"""How long after a crash others wait before they try to send the same mail."""

KEEP_ENDED: Final = timedelta(days=7)
"""How long mails are kept that were sent, or given up."""


def back_off(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many attempts, give or take a quarter by chance."""
    return timedelta(minutes=_MINUTES[attempts - 1]) * (0.75 + chance / 2)
