"""What people can do about what they are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.mails import Mail, MailKind
from inventiv_core.identity.entities.users import User, differences, revised
from inventiv_core.identity.errors.sessions import SessionInvalidOrExpired
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProfile:
    """Change one's own user name, address, or names."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, changes: Mapping[str, str | None], *, actor: Actor) -> User:
        """Change what is given, as `revised` understands it; return what one is now.

        When the address changes, the one before is told of it.

        Raises:
            InvalidEmailFormat: The address is none.
            InvalidUsername: The user name is none.
            PersonalNameTooLong: A name is too long.
            LoginTaken: Somebody else has that user name or address.
            SessionInvalidOrExpired: The user was deleted meanwhile.
        """
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            before = await work.users.lock(user_id)
            if before is None:
                raise SessionInvalidOrExpired
            after = revised(before, changes, at=now)
            if after == before:
                return before
            await put_profile(before, after, work, mail_id=self.new_id())
            changed_from, changed_to = differences(before, after)
            act = Act(
                id=self.new_id(),
                kind=ActKind.PROFILE_UPDATED,
                actor=actor,
                organization_id=None,
                subject=Subject.user(after.id, before.username),
                at=now,
                before=changed_from,
                after=changed_to,
            )
            await enter(act, work)
        return after


async def put_profile(before: User, after: User, work: IdentityWork, *, mail_id: UUID) -> None:
    """Replace a locked user; whoever reads the mail at the address before is told of another."""
    await work.users.save(after)
    at = after.updated_at
    await work.outbox.add(AccessChanged(user_id=after.id, occurred_at=at))
    if after.email == before.email:
        return
    await work.password_resets.withdraw(after.id)  # its link went to the address before
    mail = Mail(
        id=mail_id,
        kind=MailKind.ADDRESS_CHANGED,
        recipient=before.email,
        link_id=after.id,
        generation=0,
        facts={"name": before.first_name or before.username, "address": after.email},
        created_at=at,
    )
    await work.mails.add(mail)
