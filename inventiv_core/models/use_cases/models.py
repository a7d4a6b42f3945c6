"""The catalog of models: look, add, change, take away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import (
    MAX_PAGE_ROWS,
    PageRequest,
    Rows,
    SearchPage,
    Window,
    search_page,
)
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import Model, ModelActKind, ModelId
from inventiv_core.models.errors import ModelIdTaken, ModelInUse, ModelNotFound
from inventiv_core.models.ports import ModelQueries, ModelWork
from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.views import MODEL_KEYS, ModelFilter, ModelOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModels:
    """List what can be served."""

    model_queries: ModelQueries

    async def __call__(
        self, *, only_active: bool, order: ModelOrder, descending: bool, actor: Actor
    ) -> Sequence[Model]:
        """Return models in that order."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.model_queries.list(
            only_active=only_active, order=order, descending=descending, limit=MAX_PAGE_ROWS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchModels:
    """Search what can be served, page by page."""

    model_queries: ModelQueries

    async def __call__(
        self, where: ModelFilter, page: PageRequest, *, actor: Actor
    ) -> SearchPage[Model]:
        """Return the page that is asked for.

        Raises:
            CursorInvalid: The cursor is not one of this search, sorted like this.
        """
        actor.must(Permission.VIEW_CATALOG)

        async def find(window: Window) -> Rows[Model]:
            return await self.model_queries.search(where, window)

        return await search_page(find, page, MODEL_KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetModel:
    """Look at one model."""

    model_queries: ModelQueries

    async def __call__(self, model_id: ModelId, *, actor: Actor) -> Model:
        """Return it, active or not.

        Raises:
            ModelNotFound: There is none of that id.
        """
        actor.must(Permission.VIEW_CATALOG)
        model = await self.model_queries.find(model_id)
        if model is None:
            raise ModelNotFound(model_id=model_id)
        return model


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """What an administrator says of a model."""

    name: str
    model_id: str
    required_vram_gb: int
    context_length: int
    is_active: bool
    data_volume_gb: int | None
    metadata: Mapping[str, Any]
    architecture: Architecture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateModel:
    """Add a model to the catalog."""

    unit_of_work: UnitOfWork[ModelWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, new: NewModel, *, actor: Actor) -> Model:
        """Store it.

        Raises:
            ModelInvalid: A field cannot have this value.
            ModelIdTaken: Another model has this public name.
        """
        actor.must(Permission.MANAGE_CATALOG)
        now = self.clock.now()
        model = Model(
            id=ModelId(self.new_id()),
            name=new.name,
            model_id=new.model_id,
            required_vram_gb=new.required_vram_gb,
            context_length=new.context_length,
            is_active=new.is_active,
            data_volume_gb=new.data_volume_gb,
            created_at=now,
            updated_at=now,
            metadata=new.metadata,
            architecture=new.architecture,
        ).validated()
        async with self.unit_of_work() as work:
            if not await work.models.add(model):
                raise ModelIdTaken(model_id=model.model_id)
            act = _act(ModelActKind.MODEL_CREATED, model, actor, self.new_id, now)
            await enter(replace(act, after=_facts(model)), work)
        return model


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateModel:
    """Change what the catalog says of a model."""

    unit_of_work: UnitOfWork[ModelWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, model_id: ModelId, changes: Mapping[str, Any], *, actor: Actor
    ) -> Model:
        """Store the fields in ``changes``, by their names; the others stay as they are.

        Raises:
            ModelNotFound: There is none of that id.
            ModelInvalid: A field cannot have this value.
            ModelIdTaken: Another model has this public name.
        """
        actor.must(Permission.MANAGE_CATALOG)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            before = await work.models.lock(model_id)
            if before is None:
                raise ModelNotFound(model_id=model_id)
            after = replace(before, **changes, updated_at=now).validated()
            if not await work.models.save(after):
                raise ModelIdTaken(model_id=after.model_id)
            was, is_now = before.differences(after)
            act = _act(ModelActKind.MODEL_UPDATED, after, actor, self.new_id, now)
            await enter(replace(act, before=was, after=is_now), work)
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteModel:
    """Take a model out of the catalog, for good."""

    unit_of_work: UnitOfWork[ModelWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, model_id: ModelId, *, actor: Actor) -> None:
        """Forget it.

        Raises:
            ModelNotFound: There is none of that id.
            ModelInUse: Something refers to it, if only an instance that is long gone.
        """
        actor.must(Permission.MANAGE_CATALOG)
        async with self.unit_of_work() as work:
            model = await work.models.lock(model_id)
            if model is None:
                raise ModelNotFound(model_id=model_id)
            if not await work.models.remove(model_id):
                raise ModelInUse(model_id=model_id)
            now = self.clock.now()
            act = _act(ModelActKind.MODEL_DELETED, model, actor, self.new_id, now)
            await enter(replace(act, before=_facts(model)), work)


def _act(kind: ModelActKind, model: Model, actor: Actor, new_id: NewId, at: datetime) -> Act:
    return Act(
        id=new_id(),
        kind=kind,
        actor=actor,
        organization_id=None,
        subject=Subject(kind="model", id=model.id, name=model.model_id),
        at=at,
    )


def _facts(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "model_id": model.model_id,
        "required_vram_gb": model.required_vram_gb,
        "context_length": model.context_length,
        "is_active": model.is_active,
        "data_volume_gb": model.data_volume_gb,
        "metadata": model.metadata,
        "architecture": model.architecture,
    }
