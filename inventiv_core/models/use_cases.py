"""What people can do with models."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.ports import ModelQueries, ModelWork
from inventiv_core.models.seed import MODELS
from inventiv_core.models.views import ModelOrder


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
            only_active=only_active, order=order, descending=descending
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedModels:
    """Fill the catalog with well-known models. Safe to repeat: what is there stays as it is."""

    unit_of_work: UnitOfWork[ModelWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> None:
        """Add what is missing."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            for public_name, name, vram_gb, context_tokens, disk_gb in MODELS:
                await work.models.add(
                    Model(
                        id=ModelId(self.new_id()),
                        name=name,
                        model_id=public_name,
                        required_vram_gb=vram_gb,
                        context_length=context_tokens,
                        is_active=True,
                        data_volume_gb=disk_gb,
                        created_at=now,
                        updated_at=now,
                    )
                )
