"""The tokens of workers, derived from the installation's secret."""

import hashlib
import hmac
from uuid import UUID

from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.ports import WorkerTokens

_UUID_BYTES = 16


class DerivedWorkerTokens(WorkerTokens):
    """HMAC-SHA-256 (RFC 2104) of instance and generation, written as two UUIDs."""

    def __init__(self, secret: str, *, good_for_all: str | None = None) -> None:
        """Take the secret that tokens follow from, and the one an operator has set for all."""
        # a key of its own: what signs sessions must not also make tokens
        self._key = hmac.digest(secret.encode(), b"inventiv worker tokens", hashlib.sha256)
        self._good_for_all = None if good_for_all is None else good_for_all.encode()

    def derive(self, instance_id: InstanceId, generation: int) -> str:
        message = instance_id.bytes + generation.to_bytes(8, "big")
        digest = hmac.digest(self._key, message, hashlib.sha256)
        return f"wk_{UUID(bytes=digest[:_UUID_BYTES])}_{UUID(bytes=digest[_UUID_BYTES:])}"

    def matches(self, token: str, token_hash: str) -> bool:
        return hmac.compare_digest(self.hash(token), token_hash)

    def is_good_for_all(self, token: str) -> bool:
        return self._good_for_all is not None and hmac.compare_digest(
            token.encode(), self._good_for_all
        )

    def hash(self, token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()
