"""Every route, every kind of caller: who is let in is what the table says."""

import re

from litestar import Litestar

from inventiv_core.identity.access import HOLDERS, Holder, Permission
from inventiv_http.container import MemoryAdapters
from inventiv_http.kernel.auth import permission_of
from tests.builders import a_number
from tests.http.access.calls import Answer, call
from tests.http.access.conftest import HOLDERS_OF, KEYS, WORKER, Credentials
from tests.http.test_routes import routes

REFUSALS = {"permission_missing", "admin_required", "insufficient_permissions_to_invite"}
IN_AN_ORGANIZATION = Holder.OWNER | Holder.ADMIN | Holder.MANAGER | Holder.USER


def somewhere(path: str) -> str:
    """Return the path with ids of what does not exist."""
    return re.sub(r"\{[^}]*\}", str(a_number()), path)


def reported() -> bytes:
    """Return what a worker says that is on no machine of ours."""
    return b'{"instance_id": "%s", "status": "ready"}' % str(a_number()).encode()


def rule_is_kept(permission: Permission, caller: Holder, answer: Answer) -> bool:
    """Tell whether the answer is one that such a caller may get."""
    holders = HOLDERS[permission]
    if holders & caller:
        return answer.status != 401 and answer.code not in REFUSALS
    if answer.status == 403:
        return answer.code in REFUSALS
    # nowhere to do it: an answer in the route's own words, or about the body, but never a success
    nowhere = bool(holders & IN_AN_ORGANIZATION) and Holder.PERSONAL in caller
    return nowhere and answer.status in {400, 422}


async def test_every_route_lets_in_whom_the_table_says(
    app: Litestar, memory: MemoryAdapters, credentials: Credentials
) -> None:
    broken: list[object] = []
    before = memory.database().draft()
    tried = 0
    for path, method, handler in routes(app):
        permission = permission_of(handler)
        if permission is None or Holder.WORKER in HOLDERS[permission]:
            continue
        for name, caller in HOLDERS_OF.items():
            memory.database().accept(before.draft())  # nobody has left, switched or signed out
            answer = await call(app, method, somewhere(path), headers=credentials[name])
            tried += 1
            if not rule_is_kept(permission, caller, answer):
                broken.append((method, path, permission, name, answer))
    assert tried > 100
    assert broken == []


async def test_a_key_is_let_in_where_the_table_says_that_keys_are(
    app: Litestar, memory: MemoryAdapters, credentials: Credentials
) -> None:
    """Elsewhere it is as good as nothing: whoever has a key is not signed in."""
    broken: list[object] = []
    before = memory.database().draft()
    let_in = 0
    for path, method, handler in routes(app):
        permission = permission_of(handler)
        if permission is None:
            continue
        for name, (user, workspace) in KEYS.items():
            memory.database().accept(before.draft())
            answer = await call(
                app, method, somewhere(path), headers=credentials[name], body=reported()
            )
            theirs = Holder.PERSONAL if workspace is None else HOLDERS_OF[user]
            may = Holder.KEY in HOLDERS[permission] and bool(HOLDERS[permission] & theirs)
            let_in += may
            if may == (answer.status in {401, 403}):
                broken.append((method, path, permission, name, answer))
    assert let_in >= 4 * len(KEYS)
    assert broken == []


async def test_a_worker_is_one_on_its_own_machine_and_nobody_elsewhere(
    app: Litestar, credentials: Credentials
) -> None:
    broken: list[object] = []
    for path, method, handler in routes(app):
        if permission_of(handler) is None:
            continue
        answer = await call(
            app, method, somewhere(path), headers=credentials[WORKER], body=reported()
        )
        if answer.status != 401:
            broken.append((method, path, answer))
    assert broken == []


async def test_a_session_is_no_worker_and_nobody_at_all_is_nobody(
    app: Litestar, credentials: Credentials
) -> None:
    broken: list[object] = []
    for path, method, handler in routes(app):
        permission = permission_of(handler)
        if permission is None:
            continue
        worker_only = Holder.WORKER in HOLDERS[permission]
        headers = credentials["owner"] if worker_only else {}
        answer = await call(app, method, somewhere(path), headers=headers, body=reported())
        if answer.status != 401:
            broken.append((method, path, answer))
    assert broken == []
