"""The tokens of links in mails, derived from the installation's secret."""

import hashlib
import hmac
import string
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from inventiv_core.identity.entities.mails import MailKind
from inventiv_core.identity.ports.mails import LinkTokens

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_WHOLE: Final = 43
"""Letters and digits that a whole digest of 256 bits takes."""
_LENGTHS: Final[Mapping[MailKind, int]] = MappingProxyType({MailKind.INVITATION: 32})
"""What clients expect; 32 of them are 190 bits."""


class DerivedLinkTokens(LinkTokens):
    """HMAC-SHA-256 (RFC 2104) of kind, link and generation, written in letters and digits."""

    def __init__(self, secret: str) -> None:
        # a key of its own: what signs sessions must not also make tokens
        self._key = hmac.digest(secret.encode(), b"inventiv link tokens", hashlib.sha256)

    def derive(self, kind: MailKind, link_id: UUID, generation: int) -> str:
        message = kind.encode() + b"\0" + link_id.bytes + generation.to_bytes(8, "big")
        number = int.from_bytes(hmac.digest(self._key, message, hashlib.sha256), "big")
        return _written(number, _LENGTHS.get(kind, _WHOLE))

    def hash(self, token: str) -> str:
        return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _written(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
