"""Secrets, and the box they are kept in. The core passes them on, and never looks inside."""

from dataclasses import dataclass, field
from typing import NewType, Protocol

from inventiv_core.kernel.errors import RuleBroken

SealKeyId = NewType("SealKeyId", str)
"""Names the key that a secret was sealed with, and says nothing about it."""


class SecretsKeyMissing(RuleBroken):
    """Credentials are stored encrypted, and this server has no key: set INVENTIV_SECRETS_KEY."""


@dataclass(eq=False, kw_only=True)
class SecretUnreadable(RuleBroken):
    """A stored secret was altered, or its key is not among the keys of this server."""

    key_id: str
    """The key it was sealed with, as the record says."""


class Secret:
    """A text that nobody may see: no log, no error, no answer, no record.

    Not a dataclass, on purpose: whatever turns values into JSON knows nothing to do with it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, to hand it to whoever it is for."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """A secret as it may be stored."""

    key_id: SealKeyId
    data: bytes = field(repr=False)


class SecretBox(Protocol):
    """Seals secrets with a key that no database has.

    A sealed secret belongs to its ``place``, such as one field of one organization's
    credentials: it cannot be opened as if it were another's. The first key seals, all open.
    """

    def key_id(self) -> SealKeyId:
        """Return which key seals, or raise `SecretsKeyMissing`."""
        ...

    def seal(self, secret: Secret, *, place: str) -> SealedSecret:
        """Return the secret, sealed; no two are alike.

        Raises:
            SecretsKeyMissing: There is no key.
        """
        ...

    def open(self, sealed: SealedSecret, *, place: str) -> Secret:
        """Return the secret.

        Raises:
            SecretsKeyMissing: There is no key.
            SecretUnreadable: None of the keys opens it, it was altered, or is another place's.
        """
        ...
