"""Invitations, in memory."""

from collections.abc import Sequence
from datetime import datetime

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.invitations import Invitation, InvitationId
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.invitations import InvitationAlreadyExists
from inventiv_core.identity.ports.invitations import InvitationQueries, InvitationRepository
from inventiv_core.identity.views.invitations import InvitationRow


class MemoryInvitations(InvitationRepository):
    """The invitations."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._table = database.table(Invitation)

    async def add(self, invitation: Invitation) -> None:
        open_ = await self.find_open(invitation.organization_id, invitation.email)
        if invitation.is_open and open_ is not None:
            raise InvitationAlreadyExists
        self._table[invitation.id] = invitation

    async def find_by_token(self, token_hash: str) -> Invitation | None:
        return by_token(self._database, token_hash)

    async def find_open(self, owner: OrganizationId, email: str) -> Invitation | None:
        for invitation in self._table.values():
            mine = (invitation.organization_id, invitation.email) == (owner, email)
            if mine and invitation.is_open:
                return invitation
        return None

    async def lock(
        self, invitation_id: InvitationId, *, owner: OrganizationId
    ) -> Invitation | None:
        invitation = self._table.get(invitation_id)
        if invitation is None or invitation.organization_id != owner:
            return None
        return invitation

    async def save(self, invitation: Invitation) -> None:
        self._table[invitation.id] = invitation

    async def revoke_all(self, owner: OrganizationId, *, at: datetime) -> int:
        ending = [
            invitation
            for invitation in self._table.values()
            if invitation.organization_id == owner and invitation.is_open
        ]
        for invitation in ending:
            self._table[invitation.id] = invitation.revoke(at=at)
        return len(ending)


class MemoryInvitationQueries(InvitationQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, owner: OrganizationId, *, limit: int) -> Sequence[InvitationRow]:
        mine = [
            invitation
            for invitation in self._database.table(Invitation).values()
            if invitation.organization_id == owner
        ]
        mine.sort(key=lambda invitation: (invitation.created_at, invitation.id), reverse=True)
        return [self._row(invitation) for invitation in mine[:limit]]

    async def find(self, token_hash: str) -> InvitationRow | None:
        invitation = by_token(self._database, token_hash)
        return None if invitation is None else self._row(invitation)

    def _row(self, invitation: Invitation) -> InvitationRow:
        organization = self._database.table(Organization)[invitation.organization_id]
        inviter = None
        if invitation.invited_by_user_id is not None:
            inviter = self._database.table(User).get(invitation.invited_by_user_id)
        name = invitation.invited_by_name if inviter is None else inviter.username
        return InvitationRow(
            id=invitation.id,
            organization_id=organization.id,
            organization_name=organization.name,
            email=invitation.email,
            role=invitation.role,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            accepted_at=invitation.accepted_at,
            revoked_at=invitation.revoked_at,
            invited_by_username=name or None,
        )


def by_token(database: MemoryDatabase, token_hash: str) -> Invitation | None:
    """Return the invitation whose last token has that hash."""
    for invitation in database.table(Invitation).values():
        if invitation.token_hash == token_hash:
            return invitation
    return None
