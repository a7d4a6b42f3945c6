"""The keys of engines, derived from the servers' secret."""

import hashlib
import hmac

from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.secrets import Secret
from inventiv_core.workers.ports import EngineKeys


class DerivedEngineKeys(EngineKeys):
    """HMAC-SHA-256 (RFC 2104) of instance and life."""

    def __init__(self, secret: str) -> None:
        """Take the secret that keys follow from. Another one locks us out of all engines."""
        # a key of its own: workers know their tokens, and must not know engines' keys from them
        self._key = hmac.digest(secret.encode(), b"inventiv engine keys", hashlib.sha256)

    def derive(self, instance_id: InstanceId, life: int) -> Secret:
        message = instance_id.bytes + life.to_bytes(8, "big")
        return Secret(f"ek_{hmac.digest(self._key, message, hashlib.sha256).hex()}")
