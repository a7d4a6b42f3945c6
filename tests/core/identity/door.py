"""The door: everything one can do about who one is, in memory."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from inventiv_adapters.identity.jwt import JwtSessionTokens
from inventiv_adapters.identity.keys import RandomApiKeys
from inventiv_adapters.identity.links import DerivedLinkTokens
from inventiv_adapters.identity.memory.api_keys import MemoryApiKeyQueries
from inventiv_adapters.identity.memory.invitations import MemoryInvitationQueries
from inventiv_adapters.identity.memory.organizations import MemoryOrganizationQueries
from inventiv_adapters.identity.memory.sessions import MemorySessionQueries
from inventiv_adapters.identity.memory.users import MemoryUserQueries
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork, MemoryWork
from inventiv_core.identity.access import PLATFORM, Actor
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.entities.attempts import Allowance, LoginAllowances, ResetAllowances
from inventiv_core.identity.entities.mails import Mail
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.entities.sessions import Caller, Session
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.ports.passwords import PasswordHasher
from inventiv_core.identity.use_cases.acceptances import (
    AcceptInvitation,
    PreviewInvitation,
    RegisterInvited,
)
from inventiv_core.identity.use_cases.api_keys import (
    CreateApiKey,
    KeyMade,
    ListApiKeys,
    ListOrganizationKeys,
    RevokeApiKey,
    RevokeOrganizationKey,
    SearchApiKeys,
    UpdateApiKey,
)
from inventiv_core.identity.use_cases.bootstrap import Bootstrap
from inventiv_core.identity.use_cases.callers import KnownCallers, Presented, RecogniseCaller
from inventiv_core.identity.use_cases.invitations import (
    Invited,
    InviteMember,
    ListInvitations,
    ResendInvitation,
    RevokeInvitation,
)
from inventiv_core.identity.use_cases.logins import LogIn, LogOut, OpenLocalSession, SignedIn
from inventiv_core.identity.use_cases.members import ChangeMemberRole, ListMembers, RemoveMember
from inventiv_core.identity.use_cases.organizations import (
    CreateOrganization,
    DeleteOrganization,
    GetOrganization,
    ListOrganizations,
    UpdateOrganization,
)
from inventiv_core.identity.use_cases.passwords import (
    ChangePassword,
    ForgetPasswordResets,
    RequestPasswordReset,
    ResetPassword,
    SetPassword,
)
from inventiv_core.identity.use_cases.profile import UpdateProfile
from inventiv_core.identity.use_cases.recognition import RecogniseSession, StoreUses, Uses
from inventiv_core.identity.use_cases.sessions import (
    ForgetSessions,
    ListSessions,
    RevokeSession,
    SwitchWorkspace,
)
from inventiv_core.identity.use_cases.users import (
    CreateUser,
    DeleteUser,
    GetUser,
    ListUsers,
    SearchUsers,
    UpdateUser,
)
from inventiv_core.kernel.events import DomainEvent
from tests.builders import NOON, PASSWORD, given

LIFETIME = timedelta(hours=12)
LOGINS = LoginAllowances(
    per_account=Allowance(most=3, window=timedelta(minutes=15)),
    per_address=Allowance(most=10, window=timedelta(minutes=15)),
)
LINKS = Allowance(most=3, window=timedelta(minutes=15))
MAILS = Allowance(most=4, window=timedelta(hours=1))
RESETS = ResetAllowances(
    per_account=Allowance(most=2, window=timedelta(hours=1)),
    per_address=Allowance(most=5, window=timedelta(hours=1)),
)
CALLER = Caller(ip_address="203.0.113.9", user_agent="a browser")


@dataclass
class PlainPasswords(PasswordHasher):
    """Hashes that anybody can read, and a memory of what was compared."""

    compared: list[str | None] = field(default_factory=list)

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, password: str, password_hash: str | None) -> bool:
        self.compared.append(password_hash)
        return password_hash == f"hash of {password}"

    def is_outdated(self, password_hash: str) -> bool:
        return not password_hash.startswith("hash of ")


class Door:
    """Everything one can do about who one is."""

    def __init__(self) -> None:  # noqa: PLR0915 - one line for each thing
        self.clock = ManualClock(NOON)
        self.database = MemoryDatabase()
        self.caller_cache = timedelta(seconds=5)
        self.known_callers = KnownCallers(self.caller_cache)
        self.unit_of_work = MemoryUnitOfWork(self.database, heard=self.known_callers.note)
        self.passwords = PlainPasswords()
        self.tokens = JwtSessionTokens("a secret for tests only, and long enough", issuer="us")
        self.links = DerivedLinkTokens("a secret for links")
        work: dict[str, Any] = {"unit_of_work": self.unit_of_work, "clock": self.clock}
        new: dict[str, Any] = work | {"new_id": SerialIds()}
        tokens: dict[str, Any] = {
            "session_queries": MemorySessionQueries(self.database),
            "session_tokens": self.tokens,
        }
        self.log_in = LogIn(
            password_hasher=self.passwords,
            session_tokens=self.tokens,
            session_lifetime=LIFETIME,
            login_allowances=LOGINS,
            **new,
        )
        self.uses = Uses()
        self.recognise = RecogniseSession(uses=self.uses, clock=self.clock, **tokens)
        self.log_out = LogOut(**new, **tokens)
        keys: dict[str, Any] = {"api_key_secrets": RandomApiKeys()}
        key_queries: dict[str, Any] = {"api_key_queries": MemoryApiKeyQueries(self.database)}
        self.create_api_key = CreateApiKey(**new, **keys)
        self.update_api_key = UpdateApiKey(**new)
        self.revoke_api_key = RevokeApiKey(**new)
        self.revoke_organization_key = RevokeOrganizationKey(**new)
        self.list_api_keys = ListApiKeys(**key_queries)
        self.search_api_keys = SearchApiKeys(**key_queries)
        self.list_organization_keys = ListOrganizationKeys(**key_queries)
        self.recognise_caller = RecogniseCaller(
            known_callers=self.known_callers,
            uses=self.uses,
            clock=self.clock,
            outages=(ConnectionError,),
            **tokens,
            **keys,
            **key_queries,
        )
        self.platform = PLATFORM
        self.store_uses = StoreUses(unit_of_work=self.unit_of_work, uses=self.uses)
        self.bootstrap = Bootstrap(password_hasher=self.passwords, **new)
        self.open_local_session = OpenLocalSession(
            session_tokens=self.tokens, local_session_lifetime=30 * LIFETIME, **new
        )
        self.list_sessions = ListSessions(
            session_queries=tokens["session_queries"], clock=self.clock
        )
        self.revoke_session = RevokeSession(**new)
        self.switch_workspace = SwitchWorkspace(session_tokens=self.tokens, **work)
        queries = MemoryOrganizationQueries(self.database)
        self.list_organizations = ListOrganizations(organization_queries=queries)
        self.get_organization = GetOrganization(organization_queries=queries)
        self.create_organization = CreateOrganization(session_tokens=self.tokens, **new)
        self.update_organization = UpdateOrganization(organization_queries=queries, **new)
        self.delete_organization = DeleteOrganization(**new)
        self.list_members = ListMembers(organization_queries=queries)
        self.change_member_role = ChangeMemberRole(**new)
        self.remove_member = RemoveMember(**new)
        hashing: dict[str, Any] = new | {"password_hasher": self.passwords}
        resetting: dict[str, Any] = {"link_tokens": self.links}
        self.update_profile = UpdateProfile(**new)
        self.change_password = ChangePassword(login_allowances=LOGINS, **hashing)
        self.request_password_reset = RequestPasswordReset(
            password_reset_allowances=RESETS, **new, **resetting
        )
        self.reset_password = ResetPassword(invitation_allowance=LINKS, **hashing, **resetting)
        self.set_password = SetPassword(**hashing)
        self.forget_password_resets = ForgetPasswordResets(**work)
        users: dict[str, Any] = {"user_queries": MemoryUserQueries(self.database)}
        self.list_users, self.search_users = ListUsers(**users), SearchUsers(**users)
        self.get_user = GetUser(**users)
        self.create_user, self.update_user = CreateUser(**hashing), UpdateUser(**hashing)
        self.delete_user = DeleteUser(**new)
        invitations = MemoryInvitationQueries(self.database)
        links: dict[str, Any] = {"link_tokens": self.links}
        self.list_invitations = ListInvitations(invitation_queries=invitations, clock=self.clock)
        self.invite_member = InviteMember(sending_allowance=MAILS, **new, **links)
        self.resend_invitation = ResendInvitation(sending_allowance=MAILS, **new, **links)
        self.revoke_invitation = RevokeInvitation(**new)
        self.preview_invitation = PreviewInvitation(
            invitation_queries=invitations, invitation_allowance=LINKS, **work, **links
        )
        self.accept_invitation = AcceptInvitation(**new, **links)
        self.register_invited = RegisterInvited(
            password_hasher=self.passwords,
            session_tokens=self.tokens,
            session_lifetime=LIFETIME,
            invitation_allowance=LINKS,
            **new,
            **links,
        )
        self.forget_sessions = ForgetSessions(keep_expired=timedelta(days=7), **work)

    async def sign_in(self, login: str = "alice") -> SignedIn:
        return await self.log_in(login, PASSWORD, actor=CALLER)

    async def actor(self, login: str = "alice") -> Actor:
        """Sign somebody in, and return them in their workspace."""
        token = (await self.sign_in(login)).token
        return (await self.recognise(token, actor=CALLER)).actor

    async def make_key(self, name: str = "nightly", *, of: Actor, **scope: Any) -> KeyMade:
        """Make a key for somebody."""
        return await self.create_api_key(name, KeyScope(**scope), actor=of)

    async def recognise_key(self, key: str) -> Actor:
        """Return who calls with a key."""
        return await self.recognise_caller(Presented(bearer=key), actor=CALLER)

    async def look(self, token: str) -> Invited:
        """Look at an invitation."""
        return await self.preview_invitation(token, actor=CALLER)

    async def mails(self) -> list[Mail]:
        """Return the mail that waits, and leave it there."""
        queue, far = MemoryWork(self.database.draft()).mails, NOON.replace(year=2100)
        mails: list[Mail] = []
        while (attempt := await queue.claim(now=far, until=far.replace(year=2101))) is not None:
            mails.append(attempt.mail)
        return mails

    @property
    def acts(self) -> list[Act]:
        return list(self.database.table(Act).values())

    @property
    def told(self) -> list[DomainEvent]:
        """What others have been told."""
        return [message.event for message in self.database.outbox]

    @property
    def sessions(self) -> list[Session]:
        return list(self.database.table(Session).values())

    @property
    def keys(self) -> list[ApiKey]:
        return list(self.database.table(ApiKey).values())

    @property
    def users(self) -> list[User]:
        return list(self.database.table(User).values())

    async def join(self, *memberships: Membership) -> None:
        await given(self.unit_of_work, *memberships)

    def forget_everything(self) -> None:
        """Lose the database."""
        self.database.accept(MemoryDatabase())

    async def leave_all(self) -> None:
        """Begin the memberships anew: nobody belongs anywhere."""
        fresh = MemoryDatabase()
        for kept in (User, Organization, Session, ApiKey):
            fresh.table(kept).update(self.database.table(kept))
        self.database.accept(fresh)
