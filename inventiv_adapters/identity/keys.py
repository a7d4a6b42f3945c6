"""API keys, drawn from the operating system's source of randomness."""

import hashlib
import secrets
from functools import lru_cache

from inventiv_core.identity.ports.api_keys import ApiKeySecrets

_BYTES = 32
_REMEMBERED = 2048
"""How many keys, the latest ones shown, are not hashed again."""


class RandomApiKeys(ApiKeySecrets):
    """32 bytes that nobody can guess, in hexadecimal."""

    def draw(self) -> str:
        return f"sk-inv-{secrets.token_hex(_BYTES)}"

    def hash(self, key: str) -> str:
        return _hash(key)


@lru_cache(_REMEMBERED)
def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
