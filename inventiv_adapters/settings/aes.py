"""Secrets, sealed with AES-256-GCM (NIST SP 800-38D).

The key is drawn from the operator's text with scrypt (RFC 7914), because that text may be one
that people have made up; another part of the same draw names the key. Each record has a nonce
of its own, and its place is authenticated with it.
"""

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from inventiv_core.kernel.secrets import (
    SealedSecret,
    SealKeyId,
    Secret,
    SecretBox,
    SecretsKeyMissing,
    SecretUnreadable,
)

_SALT: Final = b"inventiv secrets"
"""Always the same: all servers draw the same key from the same text, whatever they have stored."""

_COST: Final = 2**14
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"


class _Key:
    """One key, and its name."""

    def __init__(self, text: Secret) -> None:
        # where there is no key, or no secret, nobody needs it
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415

        scrypt = Scrypt(salt=_SALT, length=_KEY_BYTES + _ID_BYTES, n=_COST, r=8, p=1)
        drawn = scrypt.derive(text.reveal().encode())
        self.cipher = AESGCM(drawn[:_KEY_BYTES])
        self.id = SealKeyId(drawn[_KEY_BYTES:].hex())


class AesSecretBox(SecretBox):
    """Seals with the first key, opens with all. Keys are drawn when they are first needed."""

    def __init__(self, texts: Sequence[Secret]) -> None:
        self._texts = texts

    def key_id(self) -> SealKeyId:
        return self._first().id

    def seal(self, secret: Secret, *, place: str) -> SealedSecret:
        key = self._first()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = key.cipher.encrypt(nonce, secret.reveal().encode(), _bound(key.id, place))
        return SealedSecret(key_id=key.id, data=_VERSION + nonce + sealed)

    def open(self, sealed: SealedSecret, *, place: str) -> Secret:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

        self._first()
        key = self._keys.get(sealed.key_id)
        if key is None or sealed.data[:1] != _VERSION:
            raise SecretUnreadable(key_id=sealed.key_id)
        nonce, text = sealed.data[1 : 1 + _NONCE_BYTES], sealed.data[1 + _NONCE_BYTES :]
        try:
            return Secret(key.cipher.decrypt(nonce, text, _bound(key.id, place)).decode())
        except (InvalidTag, ValueError) as error:
            raise SecretUnreadable(key_id=sealed.key_id) from error

    @cached_property
    def _keys(self) -> dict[SealKeyId, _Key]:
        return {key.id: key for key in map(_Key, self._texts)}

    def _first(self) -> _Key:
        if not self._texts:
            raise SecretsKeyMissing
        return next(iter(self._keys.values()))


def _bound(key_id: SealKeyId, place: str) -> bytes:
    """Return what a record is authenticated with: it opens nowhere else, under no other name."""
    return _VERSION + f"{key_id}:{place}".encode()
