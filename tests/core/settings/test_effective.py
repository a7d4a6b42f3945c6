"""Which value counts, for the rest of the core, and how soon a change is known."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_core.catalog.entities import ProviderId
from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.bus import Message
from inventiv_core.settings.definitions import WORKER_STALE, WORKER_STARTUP
from inventiv_core.settings.entities import Effective, Source, Value
from inventiv_core.settings.use_cases import effective as module
from inventiv_core.settings.use_cases.effective import MAX_AGE, EffectiveSettings
from tests.builders import ACME, OTHER, an_actor
from tests.core.settings.cabinet import Cabinet, root


class Counted(MemorySettingQueries):
    """Counts how often it is asked, and may be interrupted by a change."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self.asked = 0
        self.meanwhile: Any = None

    async def globals(self) -> Mapping[str, Value]:
        self.asked += 1
        found = await super().globals()
        if self.meanwhile is not None:
            await self.meanwhile()
        return found

    async def params(self, owner: OrganizationId, *, limit: int) -> Any:
        self.asked += 1
        return await super().params(owner, limit=limit)


@pytest.fixture
def counted(cabinet: Cabinet) -> Counted:
    return Counted(cabinet.database)


@pytest.fixture
def effective(cabinet: Cabinet, counted: Counted) -> EffectiveSettings:
    return EffectiveSettings(counted, clock=cabinet.clock, environment=cabinet.environment)


def tell(cabinet: Cabinet, effective: EffectiveSettings) -> None:
    """Bring word of what has changed, and of everything else."""
    for number, event in enumerate(cabinet.events):
        effective.hear(Message(id=number, event=event))


async def startup(
    effective: EffectiveSettings, provider_id: ProviderId, owner: OrganizationId = ACME
) -> float:
    timeout = await effective.startup_timeout(organization_id=owner, provider_id=provider_id)
    return timeout.total_seconds()


async def test_the_platform_s_choice_comes_before_the_environment_and_that_before_the_default(
    cabinet: Cabinet, effective: EffectiveSettings
) -> None:
    assert await effective.of_platform(WORKER_STALE) == Effective(value=120, source=Source.DEFAULT)
    cabinet.environment[WORKER_STALE] = 60
    assert (await effective.of_platform(WORKER_STALE)).source is Source.ENVIRONMENT
    await cabinet.change_global(WORKER_STALE, 30, actor=root())
    tell(cabinet, effective)
    assert await effective.of_platform(WORKER_STALE) == Effective(value=30, source=Source.GLOBAL)
    assert await effective.stale_after() == timedelta(seconds=30)


async def test_an_organization_s_choice_is_its_own_at_that_provider_alone(
    cabinet: Cabinet, effective: EffectiveSettings
) -> None:
    cabinet.environment[WORKER_STARTUP] = 600
    await cabinet.change_params(
        cabinet.scaleway.id, {"worker_instance_startup_timeout_s": 60}, actor=an_actor()
    )
    assert await startup(effective, cabinet.scaleway.id) == 60
    assert await startup(effective, cabinet.mock.id) == 600
    assert await startup(effective, cabinet.scaleway.id, OTHER) == 600
    counts = await effective.of_provider(
        WORKER_STARTUP, organization_id=ACME, provider_id=cabinet.scaleway.id
    )
    assert counts.source is Source.ORGANIZATION


async def test_values_are_remembered_until_the_bus_brings_word_of_a_change(
    cabinet: Cabinet, effective: EffectiveSettings, counted: Counted
) -> None:
    for _ in range(5):
        await effective.stale_after()
        await startup(effective, cabinet.scaleway.id)
    assert counted.asked == 2
    await cabinet.change_global(WORKER_STALE, 30, actor=root())
    await cabinet.change_params(
        cabinet.scaleway.id, {"worker_instance_startup_timeout_s": 60}, actor=an_actor()
    )
    assert await effective.stale_after() == timedelta(seconds=120), "nobody has said anything"
    tell(cabinet, effective)
    assert await effective.stale_after() == timedelta(seconds=30)
    assert await startup(effective, cabinet.scaleway.id) == 60


async def test_without_the_bus_a_change_is_known_after_a_while(
    cabinet: Cabinet, effective: EffectiveSettings
) -> None:
    await effective.stale_after()
    await startup(effective, cabinet.scaleway.id)
    await cabinet.change_global(WORKER_STALE, 30, actor=root())
    await cabinet.change_params(
        cabinet.scaleway.id, {"worker_instance_startup_timeout_s": 60}, actor=an_actor()
    )
    cabinet.clock.advance(MAX_AGE - timedelta(seconds=1))
    assert await effective.stale_after() == timedelta(seconds=120)
    cabinet.clock.advance(timedelta(seconds=1))
    assert await effective.stale_after() == timedelta(seconds=30)
    assert await startup(effective, cabinet.scaleway.id) == 60


async def test_what_changes_while_it_is_read_is_not_remembered_as_it_was(
    cabinet: Cabinet, effective: EffectiveSettings, counted: Counted
) -> None:
    async def meanwhile() -> None:
        counted.meanwhile = None
        await cabinet.change_global(WORKER_STALE, 30, actor=root())
        tell(cabinet, effective)

    counted.meanwhile = meanwhile
    await effective.stale_after()
    assert await effective.stale_after() == timedelta(seconds=30)


async def test_only_so_many_organizations_are_remembered(
    effective: EffectiveSettings,
    cabinet: Cabinet,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_OWNERS", 1)
    for owner in (ACME, OTHER, OTHER, ACME):
        await startup(effective, cabinet.mock.id, owner)
    assert counted.asked == 3


async def test_a_text_is_no_number(effective: EffectiveSettings, cabinet: Cabinet) -> None:
    mode = await effective.of_provider(
        "WORKER_VLLM_MODE", organization_id=ACME, provider_id=cabinet.mock.id
    )
    assert mode.value == "mono"
    with pytest.raises(TypeError):
        _ = mode.value_int
