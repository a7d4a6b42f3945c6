"""What the core needs from the outside to know about models."""

from collections.abc import Sequence
from typing import Protocol

from inventiv_core.catalog.entities import InstanceTypeId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.kernel.seeding import SeedRecord
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.views import Machine, ModelFilter, ModelOrder


class ModelRepository(Protocol):
    """The models of the platform, one at a time."""

    async def add(self, model: Model) -> bool:
        """Store a model unless one of that public name is there; tell whether it was stored."""
        ...

    async def find(self, model_id: ModelId) -> Model | None:
        """Return one model, active or not; nobody takes it away before the work ends."""
        ...

    async def lock(self, model_id: ModelId) -> Model | None:
        """Return one model, active or not; nobody else changes it before the work ends."""
        ...

    async def save(self, model: Model) -> bool:
        """Store a model in place of what it was; tell whether its public name was free."""
        ...

    async def remove(self, model_id: ModelId) -> bool:
        """Forget a model unless something refers to it; tell whether nothing does."""
        ...


class ModelQueries(Protocol):
    """Models as people look at them."""

    async def list(
        self, *, only_active: bool, order: ModelOrder, descending: bool, limit: int
    ) -> Sequence[Model]:
        """List models. What is unknown comes last when ascending, first when descending."""
        ...

    async def search(self, where: ModelFilter, window: Window) -> Rows[Model]:
        """Return the models in that window of a search."""
        ...

    async def find(self, model_id: ModelId) -> Model | None:
        """Return one model, active or not."""
        ...


class MachineQueries(Protocol):
    """What models can run on."""

    async def list(self, *, limit: int) -> Sequence[Machine]:
        """List active instance types of active providers, by code, on sale somewhere or not.

        A zone counts if it and its region are active and the type is available there.
        """
        ...

    async def find(self, instance_type_id: InstanceTypeId) -> Machine | None:
        """Return one instance type, active or not."""
        ...


class ModelWork(ActWork, Protocol):
    """What one atomic piece of work on models may touch."""

    @property
    def models(self) -> ModelRepository: ...
    @property
    def seeded(self) -> SeedRecord: ...
