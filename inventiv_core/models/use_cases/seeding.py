"""The models that there are from the start."""

from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.ports import ModelWork
from inventiv_core.models.seed import MODELS
from inventiv_core.models.sizing.config import read_config


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedModels:
    """Fill the catalog with well-known models.

    Safe to repeat: each is added once, and what administrators have made of it stays, even if
    they have taken it away or given it another name.
    """

    unit_of_work: UnitOfWork[ModelWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> None:
        """Add what was never there."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            new = await work.seeded.remember("model", [seeded.model_id for seeded in MODELS])
            for seeded in MODELS:
                if seeded.model_id not in new:
                    continue
                config = seeded.config
                await work.models.add(
                    Model(
                        id=ModelId(self.new_id()),
                        name=seeded.name,
                        model_id=seeded.model_id,
                        required_vram_gb=seeded.required_vram_gb,
                        context_length=seeded.context_length,
                        is_active=True,
                        data_volume_gb=seeded.data_volume_gb,
                        created_at=now,
                        updated_at=now,
                        architecture=None if config is None else read_config(config),
                    )
                )
