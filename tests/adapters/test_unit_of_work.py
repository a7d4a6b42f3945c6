"""What `UnitOfWork` promises, kept by every adapter."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from inventiv_core.action_logs.views import ActionLogFilter
from inventiv_core.catalog.views import OnSaleFilter
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.models.views import ModelOrder
from tests.adapters.identity.test_sessions import a_session
from tests.adapters.inference.test_contract import a_usage, used
from tests.adapters.kernel.test_outbox import Paper, an_event
from tests.adapters.workers.test_contract import a_token
from tests.builders import (
    ACME,
    NOON,
    OTHER,
    Market,
    a_membership,
    a_model,
    a_user,
    a_worker,
    an_action,
    given_teams,
)


class ChangedMyMind(Exception):
    """Nothing shall have happened."""


async def models(adapters: Any) -> set[str]:
    listed = await adapters.model_queries().list(
        only_active=False, order=ModelOrder.NAME, descending=False, limit=100
    )
    return {model.model_id for model in listed}


async def test_a_clean_exit_commits(adapters: Any) -> None:
    async with adapters.unit_of_work()() as work:
        await work.models.add(a_model(model_id="a"))
        await work.models.add(a_model(model_id="b"))
    assert await models(adapters) == {"a", "b"}


async def test_nobody_sees_what_is_not_done_yet(adapters: Any) -> None:
    async with adapters.unit_of_work()() as work:
        await work.models.add(a_model())
        assert not await models(adapters)


async def test_work_sees_what_it_has_done_itself(adapters: Any) -> None:
    model = a_model()
    async with adapters.unit_of_work()() as work:
        await work.models.add(model)
        assert await work.models.find(model.id) == model


async def add_a_model_and_raise(adapters: Any, error: type[BaseException]) -> None:
    async with adapters.unit_of_work()() as work:
        await work.models.add(a_model())
        raise error


@pytest.mark.parametrize("error", [ChangedMyMind, asyncio.CancelledError, KeyboardInterrupt])
async def test_an_exception_undoes_and_goes_on(adapters: Any, error: type[BaseException]) -> None:
    with pytest.raises(error):
        await add_a_model_and_raise(adapters, error)
    assert not await models(adapters)
    async with adapters.unit_of_work()() as work:
        await work.models.add(a_model(model_id="afterwards"))
    assert await models(adapters) == {"afterwards"}


async def change_everything(
    adapters: Any, market: Market, session: Session, *, error: Exception | None = None
) -> None:
    """Touch every table there is, in one piece of work."""
    instance, fresh = market.instance(), Market("another", model_id="another")
    async with adapters.unit_of_work()() as work:
        await work.users.save(a_user(username="bob"))
        await work.organizations.add_member(a_membership(organization=OTHER))
        await work.sessions.revoke(session.id, at=NOON)
        await work.catalog.add_provider(fresh.provider)
        await work.catalog.add_region(fresh.region)
        await work.catalog.add_zone(fresh.zone)
        await work.catalog.add_instance_type(fresh.kind, at=NOON)
        await work.catalog.put_on_sale(replace(market.link, is_available=False))
        await work.models.add(fresh.model)
        await work.instances.add(instance)
        await work.leases.schedule(instance.id, at=NOON)
        await work.workers.put(a_worker(instance))
        await work.worker_tokens.put(a_token(instance))
        await work.action_logs.put(an_action())
        await work.usage.add([a_usage()])
        await work.outbox.add(an_event())
        if error is not None:
            raise error


async def state(adapters: Any, market: Market, session: Session) -> list[object]:
    """Return what can be seen of every table."""
    paper = Paper()
    await adapters.relay().deliver(paper.publish)
    catalog = adapters.catalog_queries()
    rows = await adapters.instance_queries().list(ACME, archived=False, limit=10, now=NOON)
    async with adapters.unit_of_work()() as work:
        seen = [
            await work.users.find_by_login("alice"),
            await work.organizations.of_member(a_user().id),
            [await work.workers.find(row.id) for row in rows],
            [await work.worker_tokens.find(row.id) for row in rows],
            await work.leases.next_due(now=NOON),
        ]
    return [
        *seen,
        await adapters.session_queries().find(session.token_hash, now=NOON),
        await catalog.providers(),
        await catalog.regions(),
        await catalog.zones(),
        await catalog.instance_types(),
        [kind.id for kind in await catalog.on_sale(market.zone.id, OnSaleFilter())],
        await models(adapters),
        rows,
        await adapters.action_log_queries().list(ACME, ActionLogFilter(), limit=10),
        dict(await used(adapters)),
        paper.events,
    ]


async def test_all_is_undone_or_all_is_done(adapters: Any) -> None:
    market, session = Market(), a_session()
    await given_teams(adapters.unit_of_work(), *market.everything)
    async with adapters.unit_of_work()() as work:
        await work.sessions.add(session)
    before = await state(adapters, market, session)
    with pytest.raises(ChangedMyMind):
        await change_everything(adapters, market, session, error=ChangedMyMind())
    assert await state(adapters, market, session) == before
    await change_everything(adapters, market, session)
    after = await state(adapters, market, session)
    assert all(now != then for now, then in zip(after, before, strict=True))
