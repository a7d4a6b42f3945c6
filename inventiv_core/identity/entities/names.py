"""What things and people are called: text that can be shown, stored, and told apart."""

import re
from typing import Final

from inventiv_core.identity.errors.invitations import EmailRequired, InvalidEmailFormat
from inventiv_core.identity.errors.names import InvalidUsername, NameRequired, NameTooLong

_LONGEST_ADDRESS: Final = 254
"""Characters of an address that can be written to (RFC 5321, 4.5.3.1.3)."""
_LONGEST_LOCAL_PART: Final = 64
_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS: Final = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+(?P<top>{_LABEL})", re.ASCII
)
"""A dot-atom at a domain (RFC 5322, 3.4.1), in lower case; quoted local parts nobody has."""

_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def one_line(text: str) -> str:
    """Return ``text`` on one line, without spaces around it, and nothing that cannot be seen."""
    visible = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(visible.split())


def name_of(text: str, *, longest: int) -> str:
    """Return the name that is meant by ``text``, on one line.

    Raises:
        NameRequired: Nothing is left of it.
        NameTooLong: It has more than ``longest`` characters.
    """
    name = one_line(text)
    if not name:
        raise NameRequired
    if len(name) > longest:
        raise NameTooLong(longest=longest)
    return name


def username_of(text: str | None, *, email: str) -> str:
    """Return the user name that is meant, in lower case; without one, the address is the name.

    Other people's addresses are no names: one could not tell who signs in.

    Raises:
        InvalidUsername: It is not one.
    """
    name = (text or "").strip().lower() or email
    if name != email and not _USERNAME.fullmatch(name):
        raise InvalidUsername
    return name


def address_of(text: str) -> str:
    """Return the e-mail address that is meant, in lower case.

    Raises:
        EmailRequired: There is none.
        InvalidEmailFormat: It is not one, or longer than one can be.
    """
    address = text.strip().lower()
    if not address:
        raise EmailRequired
    match = _ADDRESS.fullmatch(address) if len(address) <= _LONGEST_ADDRESS else None
    if match is None or len(match["local"]) > _LONGEST_LOCAL_PART or match["top"].isdigit():
        raise InvalidEmailFormat
    return address
