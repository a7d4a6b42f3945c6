"""``/models``, and what can be served on an instance type"""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.catalog.entities import InstanceTypeId, ProviderId
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PageRequest, needle
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.errors import InvalidModelId
from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.sizing.formats import CacheDtype, WeightsDtype
from inventiv_core.models.sizing.memory import DEFAULT_UTILIZATION
from inventiv_core.models.use_cases.fits import (
    FitArchitecture,
    FitModel,
    ListModelsForType,
    RecommendDataVolume,
    Wish,
)
from inventiv_core.models.use_cases.models import (
    CreateModel,
    DeleteModel,
    GetModel,
    ListModels,
    SearchModels,
    UpdateModel,
)
from inventiv_core.models.views import ModelFilter, ModelOrder, VolumeAdvice
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.pages import SearchBody, search_body
from inventiv_http.models.schemas.models import (
    DeletedBody,
    FitBody,
    FitRequest,
    ModelChangesRequest,
    NewModelRequest,
)


class Models(Controller):
    """What can be served."""

    path = "/models"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["models"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List models")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_models: NamedDependency[ListModels],
        active: FromQuery[bool | None] = None,
        order_by: FromQuery[str | None] = None,
        order_dir: FromQuery[str | None] = None,
    ) -> Sequence[Model]:
        return await list_models(
            only_active=active is True,
            order=_order(order_by),
            descending=(order_dir or "").lower() == "desc",
            actor=actor,
        )

    @get("/search", summary="Search models")
    async def search(
        self,
        page: NamedDependency[PageRequest],
        actor: NamedDependency[Actor],
        search_models: NamedDependency[SearchModels],
        q: FromQuery[str | None] = None,
        is_active: FromQuery[bool | None] = None,
    ) -> SearchBody[Model]:
        where = ModelFilter(needle=needle(q), is_active=is_active)
        return search_body(await search_models(where, page, actor=actor), _as_it_is)

    @post(opt=needs(Permission.MANAGE_CATALOG), summary="Add a model")
    async def create(
        self,
        data: JSONBody[NewModelRequest],
        actor: NamedDependency[Actor],
        create_model: NamedDependency[CreateModel],
    ) -> Model:
        return await create_model(data.model(), actor=actor)

    @get("/{model_id:str}", summary="Look at one model")
    async def look(
        self,
        model_id: FromPath[str],
        actor: NamedDependency[Actor],
        get_model: NamedDependency[GetModel],
    ) -> Model:
        return await get_model(_id(model_id), actor=actor)

    @put("/{model_id:str}", opt=needs(Permission.MANAGE_CATALOG), summary="Change a model")
    async def update(
        self,
        model_id: FromPath[str],
        data: JSONBody[ModelChangesRequest],
        actor: NamedDependency[Actor],
        update_model: NamedDependency[UpdateModel],
    ) -> Model:
        return await update_model(_id(model_id), data.changes(), actor=actor)

    @delete(
        "/{model_id:str}",
        status_code=200,
        opt=needs(Permission.MANAGE_CATALOG),
        summary="Take a model out of the catalog",
    )
    async def remove(
        self,
        model_id: FromPath[str],
        actor: NamedDependency[Actor],
        delete_model: NamedDependency[DeleteModel],
    ) -> DeletedBody:
        await delete_model(_id(model_id), actor=actor)
        return DeletedBody()

    @get("/{model_id:str}/recommended-data-volume", summary="How large a data volume?")
    async def recommended_data_volume(
        self,
        model_id: FromPath[str],
        actor: NamedDependency[Actor],
        recommend_data_volume: NamedDependency[RecommendDataVolume],
        provider_id: FromQuery[str | None] = None,
    ) -> VolumeAdvice:
        return await recommend_data_volume(_id(model_id), _provider(provider_id), actor=actor)

    @get("/{model_id:str}/fit", summary="Where does a model fit?")
    async def fit(
        self,
        model_id: FromPath[str],
        actor: NamedDependency[Actor],
        fit_model: NamedDependency[FitModel],
        context: FromQuery[int | None] = None,
        concurrency: FromQuery[int] = 1,
        dtype: FromQuery[WeightsDtype | None] = None,
        kv_dtype: FromQuery[CacheDtype] = CacheDtype.BF16,
        utilization: FromQuery[Decimal] = DEFAULT_UTILIZATION,
    ) -> FitBody:
        wish = Wish(
            context_tokens=context,
            sequences=concurrency,
            weights=dtype,
            kv_cache=kv_dtype,
            utilization=utilization,
        )
        return FitBody.of(await fit_model(_id(model_id), wish, actor=actor))

    @post("/fit", status_code=200, summary="Where would a model fit?")
    async def fit_config(
        self,
        data: JSONBody[FitRequest],
        actor: NamedDependency[Actor],
        fit_architecture: NamedDependency[FitArchitecture],
    ) -> FitBody:
        architecture = read_config(data.config)
        return FitBody.of(await fit_architecture(architecture, data.wish(), actor=actor))


class ModelsForType(Controller):
    """What can be served on an instance type."""

    path = "/instance_types/{instance_type_id:str}/models"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["models"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List what can be served on an instance type")
    async def list(
        self,
        instance_type_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        list_models_for_type: NamedDependency[ListModelsForType],
    ) -> Sequence[Model]:
        return await list_models_for_type(InstanceTypeId(instance_type_id), actor=actor)


def _id(text: str) -> ModelId:
    try:
        return ModelId(UUID(text))
    except ValueError:
        raise InvalidModelId(model_id=text) from None


def _provider(text: str | None) -> ProviderId | None:
    """Return the provider that is meant; clients send nonsense if they do not know one."""
    try:
        return ProviderId(UUID(text or ""))
    except ValueError:
        return None


def _as_it_is(model: Model) -> Model:
    return model


def _order(name: str | None) -> ModelOrder:
    """Return the order of that name; an unknown one means by name."""
    try:
        return ModelOrder(name or ModelOrder.NAME)
    except ValueError:
        return ModelOrder.NAME
