"""Invitations, kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.invitations import Invitation, InvitationId
from inventiv_core.identity.views.invitations import InvitationRow


class InvitationRepository(Protocol):
    """Invitations, one at a time."""

    async def add(self, invitation: Invitation) -> None:
        """Store a new one, or raise `InvitationAlreadyExists`: the address has an open one."""
        ...

    async def find_by_token(self, token_hash: str) -> Invitation | None:
        """Return the invitation whose last token has that hash."""
        ...

    async def find_open(self, owner: OrganizationId, email: str) -> Invitation | None:
        """Return the invitation of an address that was neither accepted nor revoked."""
        ...

    async def lock(
        self, invitation_id: InvitationId, *, owner: OrganizationId
    ) -> Invitation | None:
        """Return it, and let nobody else change it until the end of the work."""
        ...

    async def save(self, invitation: Invitation) -> None:
        """Replace what is stored of a locked invitation."""
        ...

    async def revoke_all(self, owner: OrganizationId, *, at: datetime) -> int:
        """Revoke all that are open, as `Invitation.revoke` does; return how many."""
        ...


class InvitationQueries(Protocol):
    """Invitations, to look at. Reads only, outside any unit of work, one statement each."""

    async def list(self, owner: OrganizationId, *, limit: int) -> Sequence[InvitationRow]:
        """List an organization's, whatever became of them, the newest first."""
        ...

    async def find(self, token_hash: str) -> InvitationRow | None:
        """Return the invitation whose last token has that hash."""
        ...
