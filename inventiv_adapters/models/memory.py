"""Models, in memory."""

from collections.abc import Sequence
from typing import Any

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.ports import ModelQueries, ModelRepository
from inventiv_core.models.views import ModelOrder


class MemoryModels(ModelRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, model: Model) -> bool:
        table = self._database.table(Model)
        if any(other.model_id == model.model_id for other in table.values()):
            return False
        table[model.id] = model
        return True

    async def find(self, model_id: ModelId) -> Model | None:
        return self._database.table(Model).get(model_id)


class MemoryModelQueries(ModelQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(
        self, *, only_active: bool, order: ModelOrder, descending: bool
    ) -> Sequence[Model]:
        def rank(model: Model) -> tuple[Any, ...]:
            value = getattr(model, order)
            return (value is None, 0 if value is None else value, model.id)

        models = self._database.table(Model).values()
        shown = [model for model in models if model.is_active or not only_active]
        return sorted(shown, key=rank, reverse=descending)
