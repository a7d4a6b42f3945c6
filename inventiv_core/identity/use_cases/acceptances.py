"""What people can do with an invitation they have got: look at it, accept it, make an account."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from inventiv_core.identity.access import (
    Actor,
    Permission,
    PlatformRole,
    Role,
    SessionId,
    UserId,
)
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.attempts import Allowance
from inventiv_core.identity.entities.invitations import (
    Invitation,
)
from inventiv_core.identity.entities.members import may_invite
from inventiv_core.identity.entities.names import name_of, one_line, username_of
from inventiv_core.identity.entities.organizations import LONGEST_NAME, Membership, Organization
from inventiv_core.identity.entities.passwords import must_be_good
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.invitations import (
    AccountAlreadyExists,
    EmailMismatch,
    InvitationNoLongerValid,
    InvitationNotFound,
)
from inventiv_core.identity.errors.sessions import SessionInvalidOrExpired
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.invitations import InvitationQueries
from inventiv_core.identity.ports.mails import LinkTokens
from inventiv_core.identity.ports.passwords import PasswordHasher
from inventiv_core.identity.ports.sessions import SessionTokens
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.invitations import Invited, facts_of
from inventiv_core.identity.use_cases.logins import SignedIn, begin_session
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewInvitation:
    """Look at an invitation before one signs in: whoever has the link may."""

    unit_of_work: UnitOfWork[IdentityWork]
    invitation_queries: InvitationQueries
    link_tokens: LinkTokens
    clock: Clock
    invitation_allowance: Allowance

    async def __call__(self, token: str, *, actor: Caller) -> Invited:
        """Return it, whatever became of it.

        Raises:
            TooManyAttempts: This address has tried too many links that are none.
            InvitationNotFound: There is none with this link.
        """
        now = self.clock.now()
        async with self.unit_of_work() as work:
            made = await work.attempts.count(
                _key(actor), at=now, window=self.invitation_allowance.window
            )
        self.invitation_allowance.must_cover(made, now=now)
        row = await self.invitation_queries.find(self.link_tokens.hash(token))
        if row is None:
            raise InvitationNotFound
        async with self.unit_of_work() as work:
            await work.attempts.take_back(_key(actor))
        return Invited(row=row, state=row.state(now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Somebody belongs to an organization now."""

    organization: Organization
    role: Role
    """What they are in it; who belonged to it already stays what they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptInvitation:
    """Join an organization that one was invited to."""

    unit_of_work: UnitOfWork[IdentityWork]
    link_tokens: LinkTokens
    clock: Clock
    new_id: NewId

    async def __call__(self, token: str, *, actor: Actor) -> Joined:
        """Become a member, once. The workspace stays what it is.

        Raises:
            InvitationNotFound: There is none with this link, or it was revoked.
            InvitationAlreadyAccepted: It has been accepted.
            InvitationExpired: It is too late.
            EmailMismatch: It is for somebody else.
            InvitationNoLongerValid: Whoever has sent it may not invite to that role any more.
        """
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            organization, invitation = await _lock_pending(
                self.link_tokens.hash(token), work, now=now
            )
            user = await work.users.lock(user_id)
            if user is None:
                raise SessionInvalidOrExpired
            if user.email != invitation.email:
                raise EmailMismatch
            role = await _join(user, invitation, actor, work, act_id=self.new_id(), now=now)
        return Joined(organization=organization, role=role)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What somebody who was invited says about themselves."""

    password: str
    username: str | None = None
    """By default the address."""
    first_name: str | None = None
    last_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterInvited:
    """Make an account for an address that was invited, and join: all of it, or nothing."""

    unit_of_work: UnitOfWork[IdentityWork]
    link_tokens: LinkTokens
    password_hasher: PasswordHasher
    session_tokens: SessionTokens
    clock: Clock
    new_id: NewId
    session_lifetime: timedelta
    invitation_allowance: Allowance

    async def __call__(self, token: str, account: NewAccount, *, actor: Caller) -> SignedIn:
        """Return a session of the new user, in the organization.

        Raises:
            TooManyAttempts: This address has tried too many links that are none.
            InvitationNotFound: There is none with this link, or it was revoked.
            InvitationAlreadyAccepted: It has been accepted.
            InvitationExpired: It is too late.
            AccountAlreadyExists: The address has an account: it can accept.
            PasswordBlank: There is no password.
            PasswordTooShort: It is too easy to guess.
            PasswordTooLong: It is too long.
            InvalidUsername: The user name is none.
            NameTooLong: A name is too long.
            LoginTaken: Somebody else has that user name.
            InvitationNoLongerValid: Whoever has sent it may not invite to that role any more.
        """
        token_hash = self.link_tokens.hash(token)
        await self._check(token_hash, actor)
        must_be_good(account.password)
        password_hash = await self.password_hasher.hash(account.password)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            _, invitation = await _lock_pending(token_hash, work, now=now)
            user = _user(account, invitation, password_hash, id=UserId(self.new_id()), at=now)
            await work.users.add(user)
            who = Actor(
                user_id=user.id,
                organization_id=invitation.organization_id,
                permissions=frozenset(),
                name=user.username,
                source_ip=actor.ip_address,
            )
            await _join(user, invitation, who, work, act_id=self.new_id(), now=now)
            act = Act(
                id=self.new_id(),
                kind=ActKind.USER_REGISTERED,
                actor=who,
                organization_id=None,  # an account is nobody's but its user's
                subject=Subject.user(user.id, user.username),
                at=now,
                after={"username": user.username, "email": user.email},
            )
            await enter(act, work)
            return await begin_session(
                user,
                actor,
                work,
                tokens=self.session_tokens,
                session_id=SessionId(self.new_id()),
                now=now,
                lifetime=self.session_lifetime,
            )

    async def _check(self, token_hash: str, caller: Caller) -> None:
        """Refuse what is refused in any case, before a hash is paid for."""
        now = self.clock.now()
        async with self.unit_of_work() as work:
            made = await work.attempts.count(
                _key(caller), at=now, window=self.invitation_allowance.window
            )
        self.invitation_allowance.must_cover(made, now=now)
        async with self.unit_of_work() as work:
            invitation = await work.invitations.find_by_token(token_hash)
            if invitation is None:
                raise InvitationNotFound
            await work.attempts.take_back(_key(caller))
            user = await work.users.find_by_login(invitation.email)
        invitation.must_be_pending(now)
        if user is not None:
            raise AccountAlreadyExists


def _user(
    account: NewAccount, invitation: Invitation, password_hash: str, *, id: UserId, at: datetime
) -> User:
    return User(
        id=id,
        username=username_of(account.username, email=invitation.email),
        email=invitation.email,
        password_hash=password_hash,
        role=PlatformRole.USER,
        first_name=_personal_name(account.first_name),
        last_name=_personal_name(account.last_name),
        created_at=at,
        updated_at=at,
    )


def _personal_name(text: str | None) -> str | None:
    return name_of(text, longest=LONGEST_NAME) if text and one_line(text) else None


async def _lock_pending(
    token_hash: str, work: IdentityWork, *, now: datetime
) -> tuple[Organization, Invitation]:
    """Lock the organization and then the invitation, which waits for an answer."""
    found = await work.invitations.find_by_token(token_hash)
    if found is None:
        raise InvitationNotFound
    organization = await work.organizations.lock(found.organization_id)
    invitation = await work.invitations.lock(found.id, owner=found.organization_id)
    if organization is None or invitation is None or invitation.token_hash != token_hash:
        raise InvitationNotFound
    invitation.must_be_pending(now)
    return organization, invitation


async def _join(
    user: User,
    invitation: Invitation,
    actor: Actor,
    work: IdentityWork,
    *,
    act_id: UUID,
    now: datetime,
) -> Role:
    """Make a member of the user; the role of one who is a member already is not touched."""
    organization_id = invitation.organization_id
    known = await work.organizations.find_member(organization_id, user.id)
    role = invitation.role if known is None else known.role
    if known is None:
        await _inviter_must_still_be_able_to(invitation, work)
        member = Membership(
            organization_id=organization_id, user_id=user.id, role=role, created_at=now
        )
        await work.organizations.add_member(member)
        await work.outbox.add(AccessChanged(user_id=user.id, occurred_at=now))
    await work.invitations.save(invitation.accept(at=now))
    act = Act(
        id=act_id,
        kind=ActKind.ORG_INVITATION_ACCEPTED,
        actor=actor,
        organization_id=organization_id,
        subject=Subject.invitation(invitation),
        at=now,
        facts=facts_of(invitation) | {"role": role},
    )
    await enter(act, work)
    return role


async def _inviter_must_still_be_able_to(invitation: Invitation, work: IdentityWork) -> None:
    """Raise `InvitationNoLongerValid` if whoever has sent it could not send it today."""
    inviter = None
    if invitation.invited_by_user_id is not None:
        inviter = await work.organizations.find_member(
            invitation.organization_id, invitation.invited_by_user_id
        )
    if inviter is None or not may_invite(inviter.role, invitation.role):
        raise InvitationNoLongerValid


def _key(caller: Caller) -> str:
    """Return under which name links that are none are counted."""
    return f"invitation address {caller.ip_address or 'unknown'}"
