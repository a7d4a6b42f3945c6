"""Mail, delivered by an SMTP server (RFC 5321)."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

import aiosmtplib

from inventiv_adapters.identity.letters import Sender, composed
from inventiv_core.identity.entities.mails import Message
from inventiv_core.identity.errors.mails import MailNotSent
from inventiv_core.identity.ports.mails import Mailer

_FOR_EVER: Final = 500
"""Answers from here on are no better later (RFC 5321, 4.2.1)."""
_LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mail is handed over, and how."""

    host: str
    port: int
    use_tls: bool
    """Whether to encrypt; certificates are always verified."""
    starts_plain: bool
    """Whether TLS begins only after a greeting in clear (STARTTLS, RFC 3207)."""
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    """Whose certificates are believed; by default those the system believes."""


class SmtpMailer(Mailer):
    """A connection for each mail: there are few."""

    def __init__(self, server: SmtpServer, sender: Sender, *, wait_s: float = 30.0) -> None:
        self._server = server
        self._sender = sender
        self._wait_s = wait_s
        self._tls = ssl.create_default_context(cafile=server.ca_file) if server.use_tls else None

    async def send(self, message: Message) -> None:
        mail, server = composed(message, self._sender), self._server
        try:
            async with asyncio.timeout(self._wait_s):
                await aiosmtplib.send(
                    mail,
                    hostname=server.host,
                    port=server.port,
                    username=server.username,
                    password=server.password,
                    use_tls=server.use_tls and not server.starts_plain,
                    start_tls=server.use_tls and server.starts_plain,
                    tls_context=self._tls,
                    timeout=self._wait_s,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            [refused] = error.recipients
            raise _not_sent(refused, is_final=refused.code >= _FOR_EVER) from error
        except aiosmtplib.SMTPDataError as error:
            raise _not_sent(error, is_final=error.code >= _FOR_EVER) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # ours to mend, or theirs
            raise _not_sent(error, is_final=False) from error


def _not_sent(error: Exception, *, is_final: bool) -> MailNotSent:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return MailNotSent(reason=words[:_LONGEST_REASON], is_final=is_final)
