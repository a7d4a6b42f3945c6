"""What things and people are called: text that can be shown, stored, and told apart."""

import re
from typing import Final

from inventiv_core.identity.errors.names import InvalidUsername, NameRequired, NameTooLong

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
