"""What people can do about passwords: change one, and get back in without one."""

from dataclasses import dataclass, replace
from datetime import datetime

from inventiv_core.identity.access import Actor, Permission, SessionId
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.attempts import Allowance, LoginAllowances, ResetAllowances
from inventiv_core.identity.entities.mails import Mail, MailKind
from inventiv_core.identity.entities.passwords import (
    RESET_LIFETIME,
    PasswordReset,
    PasswordResetId,
    must_be_good,
)
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.invitations import EmailRequired
from inventiv_core.identity.errors.passwords import (
    CurrentPasswordInvalid,
    PasswordsRequired,
    TokenAndPasswordRequired,
    TokenNotFoundOrExpired,
)
from inventiv_core.identity.errors.sessions import SessionInvalidOrExpired
from inventiv_core.identity.errors.users import UserNotFound
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.mails import LinkTokens
from inventiv_core.identity.ports.passwords import PasswordHasher
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.logins import LONGEST_LOGIN, account_key, address_key
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword:
    """Choose another password, knowing the one in force."""

    unit_of_work: UnitOfWork[IdentityWork]
    password_hasher: PasswordHasher
    clock: Clock
    new_id: NewId
    login_allowances: LoginAllowances

    async def __call__(self, current: str, new: str, *, actor: Actor) -> None:
        """Change it. All other sessions end; the one in use goes on.

        Raises:
            PasswordsRequired: One of the two is blank.
            PasswordTooShort: The new one has too few characters.
            PasswordTooLong: The new one is too long.
            TooManyAttempts: Too many have failed, on this account or from this address.
            CurrentPasswordInvalid: The current one is another one.
        """
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        if not current.strip() or not new.strip():
            raise PasswordsRequired
        must_be_good(new)
        known = await self._find(actor)
        if not await self.password_hasher.verify(current, known.password_hash):
            raise CurrentPasswordInvalid
        password_hash = await self.password_hasher.hash(new)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            user = await work.users.lock(user_id)
            if user is None or user.password_hash != known.password_hash:
                raise CurrentPasswordInvalid
            await put_password(user, password_hash, work, at=now, but=actor.session_id)
            await work.attempts.forgive([_own_key(actor)])
            await work.attempts.take_back(address_key(actor.source_ip))
            act = Act(
                id=self.new_id(),
                kind=ActKind.PASSWORD_CHANGED,
                actor=actor,
                organization_id=None,
                subject=Subject.user(user.id, user.username),
                at=now,
            )
            await enter(act, work)

    async def _find(self, actor: Actor) -> User:
        """Return the actor's user, unless there were too many attempts."""
        now, allowances = self.clock.now(), self.login_allowances
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        async with self.unit_of_work() as work:
            user = await work.users.find(user_id)
            on_account = await work.attempts.count(
                _own_key(actor), at=now, window=allowances.per_account.window
            )
            from_address = await work.attempts.count(
                address_key(actor.source_ip), at=now, window=allowances.per_address.window
            )
        allowances.per_account.must_cover(on_account, now=now)
        allowances.per_address.must_cover(from_address, now=now)
        if user is None:
            raise SessionInvalidOrExpired
        return user


def _own_key(actor: Actor) -> str:
    return f"password account {actor.user_id}"


async def put_password(
    user: User,
    password_hash: str,
    work: IdentityWork,
    *,
    at: datetime,
    but: SessionId | None = None,
) -> None:
    """Give a locked user another password: every way in that the old one opened is shut.

    API keys are not among them: each has a secret of its own, and an end of its own.
    """
    await work.users.save(replace(user, password_hash=password_hash, updated_at=at))
    await work.password_resets.withdraw(user.id)
    await work.sessions.revoke_all(user.id, at=at, but=but)
    await work.outbox.add(AccessChanged(user_id=user.id, occurred_at=at))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPasswordReset:
    """Have a link sent to one's address, with which one can choose another password."""

    unit_of_work: UnitOfWork[IdentityWork]
    link_tokens: LinkTokens
    clock: Clock
    new_id: NewId
    password_reset_allowances: ResetAllowances

    async def __call__(self, email: str, *, actor: Caller) -> None:
        """Queue the mail, if the address is somebody's: nobody is told whether it is.

        Raises:
            EmailRequired: There is no address.
            TooManyAttempts: There were too many for this address, or from where it is asked.
        """
        email = email.strip().lower()
        if not email:
            raise EmailRequired
        await self._count(email, actor)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            found = await work.users.find_by_login(email) if len(email) <= LONGEST_LOGIN else None
            user = None if found is None else await work.users.lock(found.id)
            if user is not None and user.email == email:
                await self._grant(user, actor, work, now=now)

    async def _count(self, email: str, caller: Caller) -> None:
        now, allowances = self.clock.now(), self.password_reset_allowances
        async with self.unit_of_work() as work:
            on_account = await work.attempts.count(
                f"reset account {email[:LONGEST_LOGIN]}",
                at=now,
                window=allowances.per_account.window,
            )
            from_address = await work.attempts.count(
                f"reset address {caller.ip_address or 'unknown'}",
                at=now,
                window=allowances.per_address.window,
            )
        allowances.per_account.must_cover(on_account, now=now)
        allowances.per_address.must_cover(from_address, now=now)

    async def _grant(
        self, user: User, caller: Caller, work: IdentityWork, *, now: datetime
    ) -> None:
        reset_id = PasswordResetId(self.new_id())
        token = self.link_tokens.derive(MailKind.PASSWORD_RESET, reset_id, 1)
        reset = PasswordReset(
            id=reset_id,
            user_id=user.id,
            token_hash=self.link_tokens.hash(token),
            created_at=now,
            expires_at=now + RESET_LIFETIME,
        )
        await work.password_resets.put(reset)
        mail = Mail(
            id=self.new_id(),
            kind=MailKind.PASSWORD_RESET,
            recipient=user.email,
            link_id=reset_id,
            generation=1,
            facts={
                "name": user.first_name or user.username,
                "expires_at": reset.expires_at.isoformat(),
            },
            created_at=now,
        )
        await work.mails.add(mail)
        act = Act(
            id=self.new_id(),
            kind=ActKind.PASSWORD_RESET_REQUESTED,
            actor=_somebody(caller),
            organization_id=None,
            subject=Subject.user(user.id, user.username),
            at=now,
        )
        await enter(act, work)


def _somebody(caller: Caller, user: User | None = None) -> Actor:
    return Actor(
        user_id=None if user is None else user.id,
        organization_id=None,
        permissions=frozenset(),
        name=None if user is None else user.username,
        source_ip=caller.ip_address,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword:
    """Choose another password with the link that was sent."""

    unit_of_work: UnitOfWork[IdentityWork]
    link_tokens: LinkTokens
    password_hasher: PasswordHasher
    clock: Clock
    new_id: NewId
    invitation_allowance: Allowance
    """How many links that are none one address may try: to resets as to invitations."""

    async def __call__(self, token: str, password: str, *, actor: Caller) -> None:
        """Set it, once. All sessions end, and whoever was locked out by guesses is not any more.

        Raises:
            TokenAndPasswordRequired: One of the two is blank.
            PasswordTooShort: It has too few characters.
            PasswordTooLong: It is too long.
            TooManyAttempts: This address has tried too many links that are none.
            TokenNotFoundOrExpired: The link was used, has expired, or never was one.
        """
        token = token.strip()
        if not token or not password.strip():
            raise TokenAndPasswordRequired
        must_be_good(password)
        token_hash = self.link_tokens.hash(token)
        reset = await self._find(token_hash, actor)
        password_hash = await self.password_hasher.hash(password)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            user = await work.users.lock(reset.user_id)
            if user is None or not await work.password_resets.take(token_hash, now=now):
                raise TokenNotFoundOrExpired
            await put_password(user, password_hash, work, at=now)
            await work.attempts.forgive([account_key(user.username), account_key(user.email)])
            act = Act(
                id=self.new_id(),
                kind=ActKind.PASSWORD_RESET,
                actor=_somebody(actor, user),
                organization_id=None,
                subject=Subject.user(user.id, user.username),
                at=now,
            )
            await enter(act, work)

    async def _find(self, token_hash: str, caller: Caller) -> PasswordReset:
        """Refuse what is refused in any case, before a hash is paid for."""
        now, key = self.clock.now(), f"reset link address {caller.ip_address or 'unknown'}"
        async with self.unit_of_work() as work:
            made = await work.attempts.count(key, at=now, window=self.invitation_allowance.window)
        self.invitation_allowance.must_cover(made, now=now)
        async with self.unit_of_work() as work:
            reset = await work.password_resets.find(token_hash, now=now)
            if reset is None:
                raise TokenNotFoundOrExpired
            await work.attempts.take_back(key)
        return reset


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPassword:
    """Let somebody back in who is locked out: the operator's own way, without a link."""

    unit_of_work: UnitOfWork[IdentityWork]
    password_hasher: PasswordHasher
    clock: Clock
    new_id: NewId

    async def __call__(self, login: str, password: str, *, actor: Actor) -> User:
        """Set the password of that user, and return them. All their sessions end.

        Raises:
            PasswordTooShort: It has too few characters.
            PasswordTooLong: It is too long.
            UserNotFound: There is no user of that name or address.
        """
        actor.must(Permission.OPERATE)
        must_be_good(password)
        password_hash = await self.password_hasher.hash(password)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            found = await work.users.find_by_login(login.strip().lower())
            user = None if found is None else await work.users.lock(found.id)
            if user is None:
                raise UserNotFound
            await put_password(user, password_hash, work, at=now)
            await work.attempts.forgive([account_key(user.username), account_key(user.email)])
            act = Act(
                id=self.new_id(),
                kind=ActKind.PASSWORD_RESET,
                actor=actor,
                organization_id=None,
                subject=Subject.user(user.id, user.username),
                at=now,
                facts={"by": "operator"},
            )
            await enter(act, work)
        return user


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPasswordResets:
    """Drop the resets that nobody can use any more."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were dropped."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            return await work.password_resets.forget(expired_before=self.clock.now())
