"""The ``Idempotency-Key`` header."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request

from inventiv_core.kernel.errors import Invalid
from inventiv_core.kernel.idempotency import IdempotencyKey

REPLAYED: Final = "Idempotency-Replayed"
"""Says of an answer that it is an earlier one."""

_ACCEPTED: Final = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(eq=False, kw_only=True)
class IdempotencyKeyInvalid(Invalid):
    """An idempotency key is 1 to 255 visible ASCII characters, without a space."""


async def idempotency_key(request: Request[Any, Any, Any]) -> IdempotencyKey | None:
    """Return the request's key, bound to its method, path and body; ``None`` if it has none."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _ACCEPTED.fullmatch(key):
        raise IdempotencyKeyInvalid
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return IdempotencyKey(key=key, fingerprint=hashlib.sha256(asked).hexdigest())
