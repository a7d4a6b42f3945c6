"""Models, in memory."""

from collections.abc import Sequence
from typing import Any

from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Provider,
    Region,
    Zone,
)
from inventiv_core.instances.entities import Instance
from inventiv_core.kernel.pagination import Rows, Window, has_needle
from inventiv_core.models.entities import Model, ModelId, Offering
from inventiv_core.models.ports import MachineQueries, ModelQueries, ModelRepository
from inventiv_core.models.views import Machine, ModelFilter, ModelOrder


class MemoryModels(ModelRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, model: Model) -> bool:
        if self._is_taken(model):
            return False
        self._database.table(Model)[model.id] = model
        return True

    async def find(self, model_id: ModelId) -> Model | None:
        return self._database.table(Model).get(model_id)

    async def lock(self, model_id: ModelId) -> Model | None:
        return self._database.table(Model).get(model_id)

    async def save(self, model: Model) -> bool:
        return await self.add(model)

    async def remove(self, model_id: ModelId) -> bool:
        instances = self._database.table(Instance).values()
        if any(instance.model_id == model_id for instance in instances):
            return False
        offerings = self._database.table(Offering).values()
        if any(offering.model_id == model_id for offering in offerings):
            return False
        del self._database.table(Model)[model_id]
        return True

    def _is_taken(self, model: Model) -> bool:
        return any(
            other.model_id == model.model_id and other.id != model.id
            for other in self._database.table(Model).values()
        )


class MemoryModelQueries(ModelQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(
        self, *, only_active: bool, order: ModelOrder, descending: bool, limit: int
    ) -> Sequence[Model]:
        def rank(model: Model) -> tuple[Any, ...]:
            value = getattr(model, order)
            return (value is None, 0 if value is None else value, model.id)

        models = self._database.table(Model).values()
        shown = [model for model in models if model.is_active or not only_active]
        return sorted(shown, key=rank, reverse=descending)[:limit]

    async def search(self, where: ModelFilter, window: Window) -> Rows[Model]:
        models = self._database.table(Model)
        found = [
            model
            for model in models.values()
            if where.is_active in {None, model.is_active}
            and has_needle(where.needle, model.name, model.model_id)
        ]
        return Rows(rows=within(window, found), total_count=len(models), filtered_count=len(found))

    async def find(self, model_id: ModelId) -> Model | None:
        return self._database.table(Model).get(model_id)


class MemoryMachineQueries(MachineQueries):
    """What is for rent, as models look at it."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, *, limit: int) -> Sequence[Machine]:
        providers = self._database.table(Provider)
        kinds = [
            kind
            for kind in self._database.table(InstanceType).values()
            if kind.is_active and providers[kind.provider_id].is_active
        ]
        kinds.sort(key=lambda kind: (kind.code, kind.id))
        return [self._machine(kind) for kind in kinds[:limit]]

    async def find(self, instance_type_id: InstanceTypeId) -> Machine | None:
        kind = self._database.table(InstanceType).get(instance_type_id)
        return None if kind is None else self._machine(kind)

    def _machine(self, kind: InstanceType) -> Machine:
        regions, zones = self._database.table(Region), self._database.table(Zone)
        sellers = {
            zones[link.zone_id].code
            for link in self._database.table(InstanceTypeZone).values()
            if link.instance_type_id == kind.id
            and link.is_available
            and zones[link.zone_id].is_active
            and regions[zones[link.zone_id].region_id].is_active
        }
        return Machine(
            id=kind.id,
            provider_id=kind.provider_id,
            provider_code=self._database.table(Provider)[kind.provider_id].code,
            code=kind.code,
            name=kind.name,
            gpu_count=kind.gpu_count,
            vram_per_gpu_gb=kind.vram_per_gpu_gb,
            cost_per_hour=kind.cost_per_hour,
            zones=tuple(sorted(sellers)),
        )
