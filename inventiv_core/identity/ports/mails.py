"""Mail, queued and delivered; tokens of the links in it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from inventiv_core.identity.entities.mails import Mail, MailKind, Message, SendAttempt


class MailQueue(Protocol):
    """Mail leaves with the commit, or not at all; it is sent outside of the request."""

    async def add(self, mail: Mail) -> None:
        """Have ``mail`` sent if, and only if, the unit of work commits; `MailQueued` says so."""
        ...

    async def claim(self, *, now: datetime, until: datetime) -> SendAttempt | None:
        """Return an attempt at the mail that is due longest; nobody else gets it before ``until``.

        ``None`` if nothing is due. What others are claiming at this moment is passed over.
        """
        ...

    async def conclude(self, attempt: SendAttempt, *, is_sent: bool, at: datetime) -> bool:
        """Note that the mail was sent, or given up; tell whether it was still ours to say."""
        ...

    async def put_back(self, attempt: SendAttempt, *, due_at: datetime) -> bool:
        """Have it tried again at ``due_at``; tell whether it was still ours to say."""
        ...

    async def forget(self, *, ended_before: datetime) -> int:
        """Drop what was sent or given up before that instant; return how many."""
        ...


class Mailer(Protocol):
    """Delivers mail."""

    async def send(self, message: Message) -> None:
        """Hand ``message`` over to whoever brings it to the recipient, within a minute.

        Raises:
            MailNotSent: It could not be handed over, or never will be.
        """
        ...


class LinkTokens(Protocol):
    """The tokens of links in mails. Derived, so that a link can be sent without being stored."""

    def derive(self, kind: MailKind, link_id: UUID, generation: int) -> str:
        """Return the token, letters and digits only: always the same for the same three."""
        ...

    def hash(self, token: str) -> str:
        """Return what the database keeps of ``token``."""
        ...
