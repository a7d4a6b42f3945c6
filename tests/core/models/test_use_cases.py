"""The catalog of models, as the domain sees it: no database, no network, no waiting."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.identity.access import PLATFORM, Actor, Permission, Role
from inventiv_core.identity.errors.access import AdminRequired
from inventiv_core.kernel.pagination import PageRequest
from inventiv_core.models.entities import Model, ModelActKind, ModelId
from inventiv_core.models.errors import (
    ModelIdTaken,
    ModelInUse,
    ModelInvalid,
    ModelNotFound,
)
from inventiv_core.models.seed import MODELS as SEEDS
from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.sizing.memory import Demand
from inventiv_core.models.sizing.verdict import Reason
from inventiv_core.models.use_cases.fits import Wish
from inventiv_core.models.use_cases.models import NewModel
from inventiv_core.models.views import FitMethod, ModelFilter, ModelOrder
from tests.builders import (
    Market,
    a_model,
    a_number,
    a_provider,
    a_region,
    a_zone,
    an_actor,
    an_instance_type,
    given,
    given_teams,
    on_sale,
)
from tests.core.models.library import Library
from tests.core.models.published import LLAMA_8B

ROOT = replace(
    an_actor(None), permissions=frozenset({Permission.VIEW_CATALOG, Permission.MANAGE_CATALOG})
)
"""A platform administrator."""

NEW = NewModel(
    name="Chat",
    model_id="acme/chat",
    required_vram_gb=16,
    context_length=8192,
    is_active=True,
    data_volume_gb=None,
    metadata={},
    architecture=None,
)


async def test_what_is_added_is_there_and_in_the_books(library: Library) -> None:
    model = await library.create(NEW, actor=ROOT)
    assert await library.get(model.id, actor=ROOT) == model
    [act] = library.acts
    assert (act.kind, act.organization_id) == (ModelActKind.MODEL_CREATED, None)
    assert (act.subject.id, act.subject.name, act.before) == (model.id, "acme/chat", {})
    assert act.after["context_length"] == 8192
    assert [type(message.event).__name__ for message in library.database.outbox] == ["ActRecorded"]


async def test_a_change_keeps_what_is_not_in_it_and_enters_only_what_is(library: Library) -> None:
    model = await library.create(replace(NEW, data_volume_gb=7), actor=ROOT)
    changed = await library.update(model.id, {"name": " Talk "}, actor=ROOT)
    assert changed == replace(model, name="Talk")
    cleared = await library.update(model.id, {"data_volume_gb": None}, actor=ROOT)
    assert cleared.data_volume_gb is None
    _, renamed, emptied = library.acts
    assert (renamed.kind, renamed.before, renamed.after) == (
        ModelActKind.MODEL_UPDATED, {"name": "Chat"}, {"name": "Talk"},
    )  # fmt: skip
    assert (emptied.before, emptied.after) == ({"data_volume_gb": 7}, {"data_volume_gb": None})


async def test_what_is_taken_away_is_gone_but_stays_in_the_books(library: Library) -> None:
    model = await library.create(NEW, actor=ROOT)
    await library.delete(model.id, actor=ROOT)
    with pytest.raises(ModelNotFound):
        await library.get(model.id, actor=ROOT)
    deleted = library.acts[-1]
    assert (deleted.kind, deleted.before["name"]) == (ModelActKind.MODEL_DELETED, "Chat")


async def test_a_model_that_an_instance_has_stays(library: Library) -> None:
    market = Market()
    await given_teams(library.unit_of_work, *market.everything, market.instance())
    with pytest.raises(ModelInUse):
        await library.delete(market.model.id, actor=ROOT)
    assert await library.get(market.model.id, actor=ROOT) == market.model
    assert library.acts == []


async def test_two_models_never_have_the_same_public_name(library: Library) -> None:
    await library.create(NEW, actor=ROOT)
    other = await library.create(replace(NEW, model_id="acme/other"), actor=ROOT)
    with pytest.raises(ModelIdTaken):
        await library.create(replace(NEW, model_id=" acme/chat "), actor=ROOT)
    with pytest.raises(ModelIdTaken):
        await library.update(other.id, {"model_id": "acme/chat"}, actor=ROOT)
    assert await library.update(other.id, {"model_id": "acme/other"}, actor=ROOT)
    assert len(library.acts) == 3


async def test_what_is_refused_leaves_nothing(library: Library) -> None:
    nobody = ModelId(a_number())
    with pytest.raises(ModelInvalid):
        await library.create(replace(NEW, context_length=0), actor=ROOT)
    for attempt in (
        lambda: library.update(nobody, {}, actor=ROOT),
        lambda: library.delete(nobody, actor=ROOT),
        lambda: library.fit(nobody, Wish(), actor=ROOT),
        lambda: library.recommend(nobody, actor=ROOT),
    ):
        with pytest.raises(ModelNotFound):
            await attempt()
    assert not library.database.table(Model)
    assert library.acts == []


@pytest.mark.parametrize("actor", [an_actor(role) for role in Role])
async def test_only_administrators_of_the_platform_change_the_catalog(
    library: Library, actor: Actor
) -> None:
    nobody = ModelId(a_number())
    for attempt in (
        lambda: library.create(NEW, actor=actor),
        lambda: library.update(nobody, {}, actor=actor),
        lambda: library.delete(nobody, actor=actor),
    ):
        with pytest.raises(AdminRequired):
            await attempt()


async def listed(library: Library) -> list[Model]:
    models = await library.list(
        only_active=False, order=ModelOrder.NAME, descending=False, actor=ROOT
    )
    return list(models)


async def test_well_known_models_are_there_from_the_start(library: Library) -> None:
    for _ in range(2):
        await library.seed(actor=PLATFORM)
    seeded = await listed(library)
    assert {model.model_id for model in seeded} == {seed.model_id for seed in SEEDS}
    assert [model.model_id for model in seeded if model.architecture is None] == ["mock-echo-model"]


async def test_seeding_again_leaves_what_administrators_have_made_of_it(
    library: Library,
) -> None:
    await library.seed(actor=PLATFORM)
    renamed, gone, changed, *_ = await listed(library)
    await library.update(renamed.id, {"model_id": "acme/own"}, actor=ROOT)
    await library.delete(gone.id, actor=ROOT)
    await library.update(changed.id, {"required_vram_gb": 1}, actor=ROOT)
    before = await listed(library)
    await library.seed(actor=PLATFORM)
    assert await listed(library) == before


async def test_seeding_leaves_what_was_there_before_the_first_time(library: Library) -> None:
    own = a_model(model_id=SEEDS[0].model_id, required_vram_gb=3)
    await given(library.unit_of_work, own)
    await library.seed(actor=PLATFORM)
    assert await library.get(own.id, actor=ROOT) == own


async def test_a_search_is_a_page_at_a_time(library: Library) -> None:
    await library.seed(actor=PLATFORM)
    search = library.search
    found = await search(ModelFilter(needle="qwen"), PageRequest(limit=3), actor=ROOT)
    assert (found.total_count, found.filtered_count, len(found.rows)) == (17, 5, 3)
    rest = await search(
        ModelFilter(needle="qwen"), PageRequest(limit=3, cursor=found.next_cursor), actor=ROOT
    )
    assert [model.name for model in (*found.rows, *rest.rows)] == [
        "Qwen 2.5 0.5B Instruct", "Qwen 2.5 14B Instruct", "Qwen 2.5 32B Instruct",
        "Qwen 2.5 72B Instruct", "Qwen 2.5 7B Instruct",
    ]  # fmt: skip
    assert rest.next_cursor is None


class Shop:
    """Machines of several sizes, prices and zones, and a model of known architecture."""

    def __init__(self) -> None:
        self.market = Market()
        provider = a_provider(code="sky")
        region = a_region(provider)
        zones = a_zone(region, code="sky-2"), a_zone(region, code="sky-1")
        closed = a_region(provider, code="closed", is_active=False)
        self.kinds = {
            code: an_instance_type(
                provider, code=code, gpu_count=gpus, vram_per_gpu_gb=vram,
                cost_per_hour=None if price is None else Decimal(price), is_active=code != "OLD",
            )
            for code, gpus, vram, price in (
                ("L4", 1, 24, "0.75"), ("L4-2", 2, 24, "1.50"), ("T4", 1, 16, "0.40"),
                ("H100", 1, 80, "2.73"), ("FREE", 1, 48, None), ("SOLD-OUT", 1, 48, "0.10"),
                ("CLOSED", 1, 48, "0.20"), ("CPU", 0, 0, "0.01"), ("ODD", 3, 80, "6"),
                ("OLD", 8, 80, "0.01"),
            )
        }  # fmt: skip
        in_closed = a_zone(closed, code="closed-1")
        self.model = replace(
            a_model(model_id="meta/llama", required_vram_gb=40),
            architecture=read_config(LLAMA_8B.config),
        )
        self.things: tuple[Any, ...] = (
            *self.market.everything,
            provider, region, closed, *zones, in_closed, *self.kinds.values(), self.model,
            *(
                on_sale(kind, zone, is_available=code != "SOLD-OUT")
                for code, kind in self.kinds.items()
                if code != "CLOSED"
                for zone in zones
            ),
            on_sale(self.kinds["CLOSED"], in_closed),
        )  # fmt: skip


@pytest.fixture
async def shop(library: Library) -> Shop:
    shop = Shop()
    await given(library.unit_of_work, *shop.things)
    return shop


async def test_what_fits_comes_first_the_cheapest_first_and_the_rest_says_why(
    library: Library, shop: Shop
) -> None:
    fit = await library.fit(shop.model.id, Wish(), actor=ROOT)
    assert fit.method is FitMethod.ARCHITECTURE
    assert fit.demand == Demand(context_tokens=8192)  # the model's own
    told = [(each.machine.code, each.verdict.reason) for each in fit.machines]
    assert told == [
        ("L4", None),
        ("L4-2", None),
        ("H100", None),
        ("FREE", None),
        ("CPU", Reason.NO_GPU),
        ("SOLD-OUT", Reason.NOT_ON_SALE),
        ("CLOSED", Reason.NOT_ON_SALE),
        ("T4", Reason.WEIGHTS_TOO_LARGE),
        ("mock-local-instance", Reason.SIMULATED),
        ("ODD", Reason.HEADS_DO_NOT_DIVIDE),
    ]
    assert all(each.verdict.sentence for each in fit.machines if not each.verdict.fits)
    assert {each.machine.code for each in fit.machines if each.is_deployable} == {
        "L4-2", "H100", "FREE", "SOLD-OUT", "CLOSED", "ODD",
    }  # fmt: skip
    assert fit.machines[0].machine.zones == ("sky-1", "sky-2")


async def test_a_model_of_unknown_architecture_is_judged_by_what_it_requires(
    library: Library, shop: Shop
) -> None:
    plain = a_model(required_vram_gb=40)
    await given(library.unit_of_work, plain)
    fit = await library.fit(plain.id, Wish(context_tokens=7), actor=ROOT)
    assert fit.method is FitMethod.REQUIRED_VRAM
    assert "not known" in fit.sentence
    assert [term.value for term in fit.terms] == [40]
    assert [each.machine.code for each in fit.machines if each.verdict.fits] == [
        "L4-2", "H100", "ODD", "FREE",
    ]  # fmt: skip
    reasons = {each.machine.code: each.verdict.reason for each in fit.machines}
    assert reasons["T4"] is Reason.REQUIRED_VRAM_TOO_LARGE
    assert reasons["SOLD-OUT"] is Reason.NOT_ON_SALE
    assert reasons["mock-local-instance"] is Reason.SIMULATED


async def test_the_simulated_model_fits_on_simulated_machines(library: Library, shop: Shop) -> None:
    fit = await library.fit(shop.market.model.id, Wish(), actor=ROOT)
    assert "mock-local-instance" in {
        each.machine.code for each in fit.machines if each.verdict.fits
    }


async def test_a_model_that_is_not_in_the_catalog_fits_by_its_config(
    library: Library, shop: Shop
) -> None:
    architecture = read_config(LLAMA_8B.config)
    fit = await library.fit_architecture(architecture, Wish(), actor=ROOT)
    assert fit.demand.context_tokens == 131_072  # the model's own
    assert [each.machine.code for each in fit.machines if each.verdict.fits] == [
        "L4-2", "H100", "FREE",
    ]  # fmt: skip
    unsaid = replace(architecture, max_context_tokens=None, left_out=("vision_config",))
    fit = await library.fit_architecture(unsaid, Wish(), actor=ROOT)
    assert fit.demand.context_tokens == 4096
    assert "Not counted: vision_config." in fit.sentence


async def test_what_may_be_deployed_on_a_type_is_what_the_deployment_rule_says(
    library: Library, shop: Shop
) -> None:
    off = library.for_type
    large, small = shop.kinds["H100"], shop.kinds["T4"]
    assert [model.model_id for model in await off(large.id, actor=ROOT)] == [
        "meta/llama", "mock-echo-model",
    ]  # fmt: skip
    assert [model.model_id for model in await off(small.id, actor=ROOT)] == ["mock-echo-model"]
    simulated = await off(shop.market.kind.id, actor=ROOT)
    assert [model.model_id for model in simulated] == ["mock-echo-model"]
    unknown: Any = a_number()
    assert await off(unknown, actor=ROOT) == []


async def test_the_advice_says_what_it_started_from(library: Library, shop: Shop) -> None:
    advice = await library.recommend(shop.model.id, actor=ROOT)
    assert (advice.model_id, advice.model_name) == ("meta/llama", "llama")
    assert advice.recommended_data_volume_gb == 80
    assert (advice.default_gb, advice.stored_data_volume_gb) == (200, None)
