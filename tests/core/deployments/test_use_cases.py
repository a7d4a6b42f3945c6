"""Deployments, as the domain sees them: no database, no network, no waiting."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from inventiv_adapters.instances.memory import History
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.action_logs.entities import ActionStatus, ActionType
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.catalog.entities import ProviderId
from inventiv_core.deployments.entities import DeploymentRequest
from inventiv_core.deployments.errors import (
    DeploymentRefused,
    IncompatibleModelInstance,
    OrganizationNeeded,
)
from inventiv_core.identity.access import Role
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.instances.events import InstanceChanged, ProvisioningRequested
from inventiv_core.kernel.errors import DomainError
from inventiv_core.models.entities import ModelId
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    Market,
    a_model,
    a_number,
    an_actor,
    an_instance_type,
    given,
    on_sale,
)
from tests.core.world import World

NOBODY = a_number()


@dataclass(frozen=True)
class Flaw:
    """What can be wrong with a request or with the market, and the code that says so."""

    code: str
    request: Callable[[DeploymentRequest], DeploymentRequest] = lambda request: request
    market: Callable[[Market], None] = lambda market: None


def asked(code: str, **changes: Any) -> Flaw:
    return Flaw(code, request=lambda request: replace(request, **changes))


def offered(code: str, thing: str, **changes: Any) -> Flaw:
    def spoil(market: Market) -> None:
        setattr(market, thing, replace(getattr(market, thing), **changes))

    return Flaw(code, market=spoil)


FLAWS = (  # in the order in which they are found
    asked("MISSING_PARAMS", zone="  "),
    asked("MISSING_PARAMS", instance_type=""),
    asked("MISSING_MODEL", model_id=None),
    asked("INVALID_PROVIDER", provider_code="nowhere"),
    asked("INVALID_PROVIDER", provider_id=ProviderId(NOBODY)),
    offered("INVALID_PROVIDER", "provider", is_active=False),
    asked("INVALID_ZONE", zone="nowhere"),
    offered("INVALID_ZONE", "zone", is_active=False),
    offered("INVALID_ZONE", "region", is_active=False),
    asked("INVALID_INSTANCE_TYPE", instance_type="none"),
    offered("INVALID_INSTANCE_TYPE", "kind", is_active=False),
    offered("INVALID_INSTANCE_TYPE", "link", is_available=False),
    asked("INVALID_MODEL", model_id=ModelId(NOBODY)),
    offered("INVALID_MODEL", "model", is_active=False),
    offered("INCOMPATIBLE_MODEL_INSTANCE", "model", model_id="another-model"),
)
ORDER = list(dict.fromkeys(flaw.code for flaw in FLAWS))


async def spoilt(world: World, *flaws: Flaw) -> DeploymentRequest:
    """Return a request with these flaws, in another market than the world's."""
    market = Market("simulated")
    market.model = replace(market.model, required_vram_gb=1, model_id="a-model")
    market.kind = replace(market.kind, vram_per_gpu_gb=1)
    request = market.request()
    for flaw in flaws:
        flaw.market(market)
        request = flaw.request(request)
    if any(flaw.code == ORDER[-1] for flaw in flaws):
        market.model = replace(market.model, required_vram_gb=2)
    await given(world.unit_of_work, *market.everything)
    return request


async def refusal_of(world: World, request: DeploymentRequest) -> DeploymentRefused:
    with pytest.raises(DeploymentRefused) as refusal:
        await world.deploy_model(request, actor=an_actor())
    return refusal.value


async def test_a_deployment_is_an_instance_that_is_looked_at_at_once(world: World) -> None:
    instance_id = await world.deploy()
    market = world.market
    assert world.instance(instance_id) == Instance.request(
        id=instance_id,
        organization_id=ACME,
        provider_id=market.provider.id,
        zone_id=market.zone.id,
        instance_type_id=market.kind.id,
        model_id=market.model.id,
        at=NOON,
    )
    assert (await world.take()).instance_id == instance_id
    [log] = world.logs()
    assert (log.action_type, log.status) == (ActionType.REQUEST_CREATE, ActionStatus.SUCCESS)
    assert (log.instance_id, log.user_id) == (instance_id, ALICE)
    assert log.instance_status_after == "provisioning"
    assert [message.event for message in world.database.outbox] == [
        InstanceChanged.of(world.instance(instance_id), at=NOON),
        ProvisioningRequested(
            instance_id=instance_id,
            organization_id=ACME,
            provider_id=market.provider.id,
            zone_id=market.zone.id,
            zone=market.zone.code,
            instance_type_id=market.kind.id,
            instance_type=market.kind.code,
            model_id=market.model.id,
            correlation_id=log.id,
            occurred_at=NOON,
        ),
        ActionLogged.of(log),
    ]


@pytest.mark.parametrize("flaw", FLAWS)
async def test_a_refusal_leaves_one_line_in_the_action_log_and_nothing_else(
    world: World, flaw: Flaw
) -> None:
    refusal = await refusal_of(world, await spoilt(world, flaw))
    assert (refusal.code, refusal.kind) == (flaw.code, "deployment_refused")
    [log] = world.logs()
    assert (log.action_type, log.status) == (ActionType.REQUEST_CREATE, ActionStatus.FAILED)
    assert (log.error_code, log.error_message) == (flaw.code, str(refusal))
    assert (log.instance_id, log.organization_id) == (refusal.instance_id, ACME)
    assert log.metadata["error_code"] == flaw.code
    assert nothing_but_logs(world.database)
    assert not await world.look()
    assert [message.event for message in world.database.outbox] == [ActionLogged.of(log)]


def nothing_but_logs(database: MemoryDatabase) -> bool:
    return not database.table(Instance) and not database.table(History)


@pytest.mark.parametrize("first", range(len(FLAWS)))
async def test_of_several_flaws_the_first_is_named(world: World, first: int) -> None:
    later = [
        flaw for flaw in FLAWS[first:] if ORDER.index(flaw.code) > ORDER.index(FLAWS[first].code)
    ]
    request = await spoilt(world, *later, FLAWS[first])
    assert (await refusal_of(world, request)).code == FLAWS[first].code


def test_a_missing_model_is_named_as_clients_know_it() -> None:
    [error] = [e for e in DeploymentRefused.__subclasses__() if e.code == "MISSING_MODEL"]
    assert "Missing model_id" in str(error(instance_id=NOBODY))


async def test_a_refusal_names_what_was_refused(world: World) -> None:
    refusal = await refusal_of(world, world.market.request(provider_code=" NoWhere "))
    assert refusal.facts == {"instance_id": refusal.instance_id, "provider": "nowhere"}
    assert world.logs()[0].metadata["provider_code"] == "nowhere"


async def test_words_are_trimmed_and_a_provider_has_no_capitals(world: World) -> None:
    market = world.market
    request = market.request(
        provider_code=" MOCK ", zone=" local ", instance_type=f" {market.kind.code} "
    )
    deployment = await world.deploy_model(request, actor=an_actor())
    assert InstanceId(deployment.instance_id) in world.database.table(Instance)


async def test_the_id_of_a_provider_wins_over_its_code(world: World) -> None:
    request = world.market.request(provider_code="nowhere", provider_id=world.market.provider.id)
    await world.deploy_model(request, actor=an_actor())
    [log] = world.logs()
    assert log.metadata["provider_id"] == str(world.market.provider.id)
    assert log.metadata["provider_code"] is None


@pytest.mark.parametrize("code", [None, "", "  "])
async def test_who_names_no_provider_means_the_default_one(world: World, code: str | None) -> None:
    market = Market("scaleway")
    market.model = a_model(required_vram_gb=0)
    await given(world.unit_of_work, *market.everything)
    deployment = await world.deploy_model(market.request(provider_code=code), actor=an_actor())
    instance = world.instance(InstanceId(deployment.instance_id))
    assert instance.provider_id == market.provider.id


async def test_a_type_on_sale_elsewhere_is_not_on_sale_here(world: World) -> None:
    market = Market("another")
    market.kind = an_instance_type(market.provider, code="shared")
    market.link = on_sale(market.kind, market.zone)
    await given(world.unit_of_work, *market.everything)
    request = world.market.request(instance_type="shared")
    assert (await refusal_of(world, request)).code == "INVALID_INSTANCE_TYPE"


async def test_in_the_personal_workspace_nothing_is_rented_and_nothing_is_logged(
    world: World,
) -> None:
    with pytest.raises(OrganizationNeeded) as refusal:
        await world.deploy_model(world.market.request(), actor=an_actor(None))
    assert refusal.value.code == "NO_CURRENT_ORGANIZATION"
    assert not world.logs()
    assert nothing_but_logs(world.database)


@pytest.mark.parametrize("role", list(Role))
async def test_only_owners_and_administrators_rent_machines(world: World, role: Role) -> None:
    may = role in {Role.OWNER, Role.ADMIN}
    refusal: DomainError | None = None
    try:
        await world.deploy_model(world.market.request(), actor=an_actor(role))
    except PermissionMissing as error:
        refusal = error
    assert (refusal is None) is may
    assert bool(world.database.table(Instance)) is may
    assert bool(world.logs()) is may


async def test_a_model_that_does_not_fit_is_told_by_how_much(world: World) -> None:
    request = await spoilt(world, FLAWS[-1])
    refusal = await refusal_of(world, request)
    assert isinstance(refusal, IncompatibleModelInstance)
    assert (refusal.needed_gb, refusal.offered_gb) == (2, 1)
