"""Mail, written to files, where there is no server to send it."""

import asyncio
import os
from pathlib import Path

import structlog

from inventiv_adapters.identity.letters import Sender, composed
from inventiv_core.identity.entities.mails import Message
from inventiv_core.identity.errors.mails import MailNotSent
from inventiv_core.identity.ports.mails import Mailer

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class FileMailer(Mailer):
    """One file for each mail, which only its owner can read, for there are links in it."""

    def __init__(self, directory: Path, sender: Sender) -> None:
        self._directory = directory
        self._sender = sender

    async def send(self, message: Message) -> None:
        mail = composed(message, self._sender)
        file = self._directory / f"{message.written_at:%Y%m%dT%H%M%SZ}-{message.id}.eml"
        try:
            await asyncio.to_thread(_write, file, mail.as_bytes())
        except OSError as error:
            raise MailNotSent(reason=f"{file}: {error.strerror}") from error
        _log.info("mail_written", file=str(file), subject=message.subject)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, 0o600)  # a crash may have left a draft that others can read
        stream.write(content)
    draft.replace(file)
