"""API keys, drawn from the operating system's source of randomness."""

import hashlib
import secrets

from inventiv_core.identity.ports.api_keys import ApiKeySecrets

_BYTES = 32


class RandomApiKeys(ApiKeySecrets):
    """32 bytes that nobody can guess, in hexadecimal."""

    def draw(self) -> str:
        return f"sk-inv-{secrets.token_hex(_BYTES)}"

    def hash(self, key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()
