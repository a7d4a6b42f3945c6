"""Mail in the form of the internet (RFC 5322)."""

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from inventiv_core.identity.entities.mails import Message
from inventiv_core.identity.errors.mails import MailNotSent


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
    mail = EmailMessage(policy=SMTP)
    try:
        origin = Address(display_name=sender.name, addr_spec=sender.email)
        mail["From"] = origin
        mail["To"] = _exactly(message.recipient)
        mail["Subject"] = message.subject
    except (MessageError, ValueError, IndexError) as error:  # the parser is not made for nonsense
        raise MailNotSent(reason="One of its addresses is none.", is_final=True) from error
    mail["Date"] = format_datetime(message.written_at)
    mail["Message-ID"] = f"<{message.id}@{origin.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer of a machine, please
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def _exactly(address: str) -> Address:
    """Return the address, if that is what is read of it: the parser mends what it can."""
    parsed = Address(addr_spec=address)
    if parsed.addr_spec != address:
        raise ValueError
    return parsed
