"""The library: everything one can do with models, in memory."""

from typing import Any

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.models.memory.models import MemoryMachineQueries, MemoryModelQueries
from inventiv_adapters.models.memory.offerings import MemoryOfferingQueries
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_core.identity.entities.acts import Act
from inventiv_core.models.use_cases.fits import (
    FitArchitecture,
    FitModel,
    ListModelsForType,
    RecommendDataVolume,
)
from inventiv_core.models.use_cases.models import (
    CreateModel,
    DeleteModel,
    GetModel,
    ListModels,
    SearchModels,
    UpdateModel,
)
from inventiv_core.models.use_cases.offerings import (
    CreateOffering,
    DeleteOffering,
    GetOffering,
    ListUsableModels,
    SearchOfferings,
    SetOfferingPrice,
    UpdateOffering,
)
from inventiv_core.models.use_cases.seeding import SeedModels
from inventiv_core.models.use_cases.shares import (
    ListShares,
    RevokeShare,
    SetSharePrice,
    ShareOffering,
    UpdateShare,
)
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from tests.builders import NOON


class Library:
    """Everything one can do with models."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.database = MemoryDatabase()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        new: dict[str, Any] = {
            "unit_of_work": self.unit_of_work,
            "clock": self.clock,
            "new_id": SerialIds(),
        }
        models = MemoryModelQueries(self.database)
        machines = MemoryMachineQueries(self.database)
        self.list = ListModels(model_queries=models)
        self.search = SearchModels(model_queries=models)
        self.get = GetModel(model_queries=models)
        self.create = CreateModel(**new)
        self.update = UpdateModel(**new)
        self.delete = DeleteModel(**new)
        self.seed = SeedModels(**new)
        self.for_type = ListModelsForType(model_queries=models, machine_queries=machines)
        self.fit = FitModel(model_queries=models, machine_queries=machines)
        self.fit_architecture = FitArchitecture(machine_queries=machines)
        settings = EffectiveSettings(
            MemorySettingQueries(self.database), clock=self.clock, environment={}
        )
        self.offering_queries = offerings = MemoryOfferingQueries(self.database)
        self.usable = ListUsableModels(offering_queries=offerings, clock=self.clock)
        self.search_offerings = SearchOfferings(offering_queries=offerings)
        self.get_offering = GetOffering(offering_queries=offerings)
        self.offer = CreateOffering(offering_queries=offerings, **new)
        self.update_offering = UpdateOffering(offering_queries=offerings, **new)
        self.price = SetOfferingPrice(offering_queries=offerings, **new)
        self.delete_offering = DeleteOffering(**new)
        self.shares = ListShares(offering_queries=offerings)
        self.share = ShareOffering(offering_queries=offerings, **new)
        self.update_share = UpdateShare(offering_queries=offerings, **new)
        self.price_share = SetSharePrice(offering_queries=offerings, **new)
        self.revoke = RevokeShare(**new)
        self.recommend = RecommendDataVolume(model_queries=models, effective_settings=settings)

    @property
    def acts(self) -> list[Act]:
        """What is in the books, oldest first."""
        return list(self.database.table(Act).values())
