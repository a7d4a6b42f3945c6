"""Mail, queued in Postgres."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.postgres import (
    Connection,
    PostgresOutbox,
    as_json,
    count_rows,
    fetch_one,
)
from inventiv_core.identity.entities.mails import Mail, SendAttempt
from inventiv_core.identity.events import MailQueued
from inventiv_core.identity.ports.mails import MailQueue

_ADD = """
    INSERT INTO outgoing_mails
        (id, kind, recipient, link_id, generation, facts, created_at, next_attempt_at)
    VALUES
        (%(id)s, %(kind)s, %(recipient)s, %(link_id)s, %(generation)s, %(facts)s, %(created_at)s,
         %(created_at)s)
"""

_CLAIM = """
    UPDATE outgoing_mails
    SET attempts = attempts + 1, next_attempt_at = %(until)s
    WHERE id = (
        SELECT id FROM outgoing_mails
        WHERE state = 'waiting' AND next_attempt_at <= %(now)s
        ORDER BY next_attempt_at, id
        LIMIT 1
        FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, recipient, link_id, generation, facts, created_at, attempts
"""

_CONCLUDE = """
    UPDATE outgoing_mails
    SET state = CASE WHEN %(is_sent)s THEN 'sent' ELSE 'failed' END, ended_at = %(at)s
    WHERE id = %(id)s AND state = 'waiting' AND attempts = %(number)s
"""

_PUT_BACK = """
    UPDATE outgoing_mails SET next_attempt_at = %(due_at)s
    WHERE id = %(id)s AND state = 'waiting' AND attempts = %(number)s
"""

_FORGET = "DELETE FROM outgoing_mails WHERE state <> 'waiting' AND ended_at < %(ended_before)s"


class _Claimed(msgspec.Struct):
    id: UUID
    kind: str
    recipient: str
    link_id: UUID
    generation: int
    facts: dict[str, Any]
    created_at: datetime
    attempts: int


class PostgresMails(MailQueue):
    """The queue. Whoever claims has the row only for that moment; the lease is in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = PostgresOutbox(connection)

    async def add(self, mail: Mail) -> None:
        values = asdict(mail) | {"facts": as_json(mail.facts)}
        await self._connection.execute(_ADD, values)
        await self._outbox.add(MailQueued(mail_id=mail.id, occurred_at=mail.created_at))

    async def claim(self, *, now: datetime, until: datetime) -> SendAttempt | None:
        claimed = await fetch_one(self._connection, _Claimed, _CLAIM, now=now, until=until)
        if claimed is None:
            return None
        columns = msgspec.structs.asdict(claimed)
        number = columns.pop("attempts")
        return SendAttempt(mail=msgspec.convert(columns, Mail), number=number)

    async def conclude(self, attempt: SendAttempt, *, is_sent: bool, at: datetime) -> bool:
        concluded = await count_rows(
            self._connection,
            _CONCLUDE,
            id=attempt.mail.id,
            number=attempt.number,
            is_sent=is_sent,
            at=at,
        )
        return concluded > 0

    async def put_back(self, attempt: SendAttempt, *, due_at: datetime) -> bool:
        put_back = await count_rows(
            self._connection,
            _PUT_BACK,
            id=attempt.mail.id,
            number=attempt.number,
            due_at=due_at,
        )
        return put_back > 0

    async def forget(self, *, ended_before: datetime) -> int:
        return await count_rows(self._connection, _FORGET, ended_before=ended_before)
