"""Whatever is sent to whatever route, the answer is one, and not that something broke."""

import pytest
from litestar import Litestar

from inventiv_core.identity.access import HOLDERS, Holder
from inventiv_http.container import MemoryAdapters
from inventiv_http.kernel.auth import permission_of
from tests.http.access.calls import call
from tests.http.access.conftest import Credentials
from tests.http.access.test_matrix import somewhere
from tests.http.test_routes import routes

DEEP = 200_000

NONSENSE = {
    "too deep": b'{"name": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "cut off": b'{"name": "on',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "half a character": b'{"name": "\\ud800"}',
    "a list": b"[]",
    "no object": b"7",
    "nothing": b"",
    "beyond numbers": b'{"name": 1e999, "id": 123456789012345678901234567890}',
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_nonsense_breaks_nothing(
    app: Litestar, memory: MemoryAdapters, credentials: Credentials, what: str
) -> None:
    before = memory.database().draft()
    broken: list[object] = []
    for path, method, handler in routes(app):
        if method not in {"POST", "PUT", "PATCH", "DELETE"}:
            continue
        permission = permission_of(handler)
        name = "root" if permission and Holder.GLOBAL in HOLDERS[permission] else "owner"
        memory.database().accept(before.draft())  # nobody has left, switched or signed out
        answer = await call(
            app, method, somewhere(path), headers=credentials[name], body=NONSENSE[what]
        )
        if answer.status >= 500 and answer.code not in {"model_not_ready", "no_ready_worker"}:
            broken.append((method, path, answer))
    assert broken == []
