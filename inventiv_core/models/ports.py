"""What the core needs from the outside to know about models."""

from collections.abc import Sequence
from typing import Protocol

from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.views import ModelOrder


class ModelRepository(Protocol):
    """The models of the platform, one at a time."""

    async def add(self, model: Model) -> bool:
        """Store a model unless one of that public name is there; tell whether it was stored."""
        ...

    async def find(self, model_id: ModelId) -> Model | None:
        """Return one model, active or not."""
        ...


class ModelQueries(Protocol):
    """Models as people look at them."""

    async def list(
        self, *, only_active: bool, order: ModelOrder, descending: bool
    ) -> Sequence[Model]:
        """List models. What is unknown comes last when ascending, first when descending."""
        ...


class ModelWork(Protocol):
    """What one atomic piece of work on models may touch."""

    @property
    def models(self) -> ModelRepository: ...
