"""Mail, in memory."""

from dataclasses import dataclass, replace
from datetime import datetime

from inventiv_adapters.kernel.memory import MemoryDatabase, MemoryOutbox
from inventiv_core.identity.entities.mails import Mail, Message, SendAttempt
from inventiv_core.identity.events import MailQueued
from inventiv_core.identity.ports.mails import Mailer, MailQueue


@dataclass(frozen=True, slots=True)
class _Queued:
    """A mail, and how it fares."""

    mail: Mail
    due_at: datetime
    attempts: int = 0
    ended_at: datetime | None = None


class MemoryMails(MailQueue):
    """The queue."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(_Queued)
        self._outbox = MemoryOutbox(database)

    async def add(self, mail: Mail) -> None:
        self._table[mail.id] = _Queued(mail, due_at=mail.created_at)
        await self._outbox.add(MailQueued(mail_id=mail.id, occurred_at=mail.created_at))

    async def claim(self, *, now: datetime, until: datetime) -> SendAttempt | None:
        waiting = [queued for queued in self._table.values() if queued.ended_at is None]
        due = [queued for queued in waiting if queued.due_at <= now]
        if not due:
            return None
        known = min(due, key=lambda queued: (queued.due_at, queued.mail.id))
        number = known.attempts + 1
        self._table[known.mail.id] = replace(known, due_at=until, attempts=number)
        return SendAttempt(mail=known.mail, number=number)

    async def conclude(self, attempt: SendAttempt, *, is_sent: bool, at: datetime) -> bool:
        del is_sent  # nothing is asked of a mail that has ended
        known = self._ours(attempt)
        if known is not None:
            self._table[attempt.mail.id] = replace(known, ended_at=at)
        return known is not None

    async def put_back(self, attempt: SendAttempt, *, due_at: datetime) -> bool:
        known = self._ours(attempt)
        if known is not None:
            self._table[attempt.mail.id] = replace(known, due_at=due_at)
        return known is not None

    async def forget(self, *, ended_before: datetime) -> int:
        old = [
            key
            for key, queued in self._table.items()
            if queued.ended_at is not None and queued.ended_at < ended_before
        ]
        for key in old:
            del self._table[key]
        return len(old)

    def _ours(self, attempt: SendAttempt) -> _Queued | None:
        known = self._table.get(attempt.mail.id)
        if known is None or known.ended_at is not None or known.attempts != attempt.number:
            return None
        return known


class MemoryMailer(Mailer):
    """Delivers to a list."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)
