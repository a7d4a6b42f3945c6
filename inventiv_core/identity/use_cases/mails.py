"""Sending the mail that waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.mails import (
    KEEP_ENDED,
    MOST_ATTEMPTS,
    SEND_LEASE,
    Mail,
    SendAttempt,
    back_off,
)
from inventiv_core.identity.entities.messages import written
from inventiv_core.identity.errors.mails import MailNotSent
from inventiv_core.identity.ports.mails import LinkTokens, Mailer
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.unit_of_work import UnitOfWork

_AT_ONCE = 100
"""How many mails one round sends, so that it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A mail that was not sent, this time or for good."""

    mail: Mail
    attempts: int
    reason: str
    """Never with the token of the link in it."""
    is_given_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of the mails that were due."""

    sent: int
    troubles: Sequence[Trouble]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMails:
    """Send the mail that is due. Any number may do so: each takes another mail."""

    unit_of_work: UnitOfWork[IdentityWork]
    mailer: Mailer
    link_tokens: LinkTokens
    clock: Clock
    chance: Chance
    frontend_url: str

    async def __call__(self, *, actor: Actor) -> Posted:
        """Send one after the other; what could not be sent is tried again later, up to a day.

        A crash after the sending, and before it is noted, sends a mail twice, with one id.
        """
        actor.must(Permission.OPERATE)
        sent, troubles = 0, list[Trouble]()
        for _ in range(_AT_ONCE):
            attempt = await self._claim()
            if attempt is None:
                break
            trouble = await self._try(attempt)
            if trouble is None:
                sent += 1
            else:
                troubles.append(trouble)
        return Posted(sent=sent, troubles=troubles)

    async def _claim(self) -> SendAttempt | None:
        now = self.clock.now()
        async with self.unit_of_work() as work:
            return await work.mails.claim(now=now, until=now + SEND_LEASE)

    async def _try(self, attempt: SendAttempt) -> Trouble | None:
        """Send one mail, and note what became of it."""
        refusal = self._pointless(attempt) or await self._send(attempt.mail)
        now = self.clock.now()
        if refusal is None:
            async with self.unit_of_work() as work:
                await work.mails.conclude(attempt, is_sent=True, at=now)
            return None
        is_given_up = refusal.is_final or attempt.number >= MOST_ATTEMPTS
        async with self.unit_of_work() as work:
            if is_given_up:
                await work.mails.conclude(attempt, is_sent=False, at=now)
            else:
                due_at = now + back_off(attempt.number, self.chance())
                await work.mails.put_back(attempt, due_at=due_at)
        return Trouble(
            mail=attempt.mail,
            attempts=attempt.number,
            reason=refusal.reason,
            is_given_up=is_given_up,
        )

    def _pointless(self, attempt: SendAttempt) -> MailNotSent | None:
        """Return why not even to try: the link is dead, or whoever tried has died each time."""
        expires_at = attempt.mail.expires_at
        if expires_at is not None and expires_at <= self.clock.now():
            return MailNotSent(reason="The link in it has expired.", is_final=True)
        if attempt.number > MOST_ATTEMPTS:
            return MailNotSent(reason="No attempt to send it has come to an end.", is_final=True)
        return None

    async def _send(self, mail: Mail) -> MailNotSent | None:
        """Hand the mail over; return why it could not be."""
        token = self.link_tokens.derive(mail.kind, mail.link_id, mail.generation)
        now, url = self.clock.now(), self.frontend_url
        try:
            await self.mailer.send(written(mail, token=token, frontend_url=url, at=now))
        except MailNotSent as refusal:
            reason = refusal.reason.replace(token, "…")
            return MailNotSent(reason=reason, is_final=refusal.is_final)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetMails:
    """Drop the mails that were sent, or given up, some days ago."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were dropped."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            return await work.mails.forget(ended_before=self.clock.now() - KEEP_ENDED)
