"""Mail, queued; tokens of the links in it."""

from typing import Protocol
from uuid import UUID

from inventiv_core.identity.entities.mails import Mail, MailKind


class MailQueue(Protocol):
    """Mail leaves with the commit, or not at all; it is sent outside of the request."""

    async def add(self, mail: Mail) -> None:
        """Have ``mail`` sent if, and only if, the unit of work commits."""
        ...


class LinkTokens(Protocol):
    """The tokens of links in mails. Derived, so that a link can be sent without being stored."""

    def derive(self, kind: MailKind, link_id: UUID, generation: int) -> str:
        """Return the token, letters and digits only: always the same for the same three."""
        ...

    def hash(self, token: str) -> str:
        """Return what the database keeps of ``token``."""
        ...
