"""Several processes may start for the first time at the same moment."""

import asyncio
from typing import Any

from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.use_cases.bootstrap import Bootstrapped, FirstAdmin
from inventiv_http.container import Application

FIRST = FirstAdmin(
    username="admin",
    email="admin@example.org",
    first_name=None,
    last_name=None,
    password="chosen by the operator",
    organization_name="Acme",
    organization_slug="acme",
)


async def test_who_starts_together_agrees_on_one_administrator(adapters: Any) -> None:
    async def start() -> Bootstrapped:
        bootstrapped: Bootstrapped = await Application(adapters=adapters).bootstrap()(
            FIRST, actor=PLATFORM
        )
        return bootstrapped

    started = await asyncio.gather(*(start() for _ in range(4)))
    assert len({bootstrapped.user.id for bootstrapped in started}) == 1
    assert [bootstrapped.created for bootstrapped in started].count(True) == 1
    async with adapters.unit_of_work()() as work:
        assert len(await work.organizations.of_member(started[0].user.id)) == 1
