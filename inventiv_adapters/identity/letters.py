"""Mail in the form of the internet (RFC 5322).

What writes it is imported with the first one: it reads mail as well, and is large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventiv_core.identity.entities.mails import Message
from inventiv_core.identity.errors.mails import MailNotSent

if TYPE_CHECKING:
    from email.headerregistry import Address
    from email.message import EmailMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who mail comes from."""

    email: str
    name: str = ""


def composed(message: Message, sender: Sender) -> EmailMessage:
    """Return the mail with its headers, as text and HTML.

    Raises:
        MailNotSent: An address is none; so it is not written into a header, either.
    """
    from email.errors import MessageError  # noqa: PLC0415 - see above
    from email.headerregistry import Address  # noqa: PLC0415
    from email.message import EmailMessage  # noqa: PLC0415
    from email.policy import SMTP  # noqa: PLC0415
    from email.utils import format_datetime  # noqa: PLC0415

    mail = EmailMessage(policy=SMTP)
    try:
        origin = Address(display_name=sender.name, addr_spec=sender.email)
        mail["From"] = origin
        mail["To"] = _exactly(Address(addr_spec=message.recipient), message.recipient)
        mail["Subject"] = message.subject
    except (MessageError, ValueError, IndexError) as error:  # the parser is not made for nonsense
        raise MailNotSent(reason="One of its addresses is none.", is_final=True) from error
    mail["Date"] = format_datetime(message.written_at)
    mail["Message-ID"] = f"<{message.id}@{origin.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer of a machine, please
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def _exactly(parsed: Address, address: str) -> Address:
    """Return the address, if that is what is read of it: the parser mends what it can."""
    if parsed.addr_spec != address:
        raise ValueError
    return parsed
