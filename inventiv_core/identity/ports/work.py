"""What one atomic piece of identity work may touch."""

from typing import Protocol

from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.identity.ports.api_keys import ApiKeyRepository
from inventiv_core.identity.ports.attempts import AttemptRepository
from inventiv_core.identity.ports.estates import Estates
from inventiv_core.identity.ports.invitations import InvitationRepository
from inventiv_core.identity.ports.mails import MailQueue
from inventiv_core.identity.ports.organizations import OrganizationRepository
from inventiv_core.identity.ports.passwords import PasswordResetRepository
from inventiv_core.identity.ports.sessions import SessionRepository
from inventiv_core.identity.ports.users import UserRepository


class IdentityWork(ActWork, Protocol):
    """Everything that identity keeps."""

    @property
    def users(self) -> UserRepository: ...
    @property
    def organizations(self) -> OrganizationRepository: ...
    @property
    def invitations(self) -> InvitationRepository: ...
    @property
    def estates(self) -> Estates: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def api_keys(self) -> ApiKeyRepository: ...
    @property
    def attempts(self) -> AttemptRepository: ...
    @property
    def password_resets(self) -> PasswordResetRepository: ...
    @property
    def mails(self) -> MailQueue: ...
