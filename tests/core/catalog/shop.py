"""The catalog's use cases over memory, and a provider that says what it has."""

from dataclasses import replace
from typing import Any

from inventiv_adapters.catalog.memory.prices import MemoryPriceQueries
from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_core.catalog.use_cases.exchange import ExportCatalog, ImportCatalog
from inventiv_core.catalog.use_cases.instance_types import (
    CreateInstanceType,
    SetZonesOfInstanceType,
    UpdateInstanceType,
)
from inventiv_core.catalog.use_cases.providers import CreateProvider, UpdateProvider
from inventiv_core.catalog.use_cases.regions import CreateRegion, UpdateRegion
from inventiv_core.catalog.use_cases.seeding import SeedCatalog
from inventiv_core.catalog.use_cases.syncing import SyncCatalog
from inventiv_core.catalog.use_cases.zones import CreateZone, UpdateZone
from inventiv_core.catalog.views import WholeCatalog
from inventiv_core.identity.access import GLOBAL_PERMISSIONS
from inventiv_core.identity.entities.acts import Act
from tests.builders import NOON, an_actor

OPERATOR = replace(an_actor(), permissions=GLOBAL_PERMISSIONS)


class Shop:
    """Everything one can do with a catalog in memory."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.clock = ManualClock(NOON)
        self.new_id = SerialIds()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        self.prices = MemoryPriceQueries(self.database)
        self.cloud = MemoryCloud(clock=self.clock, new_id=self.new_id)
        self.rival = MemoryCloud(clock=self.clock, new_id=self.new_id)
        common: dict[str, Any] = {
            "unit_of_work": self.unit_of_work,
            "clock": self.clock,
            "new_id": self.new_id,
        }
        self.create_provider = CreateProvider(**common)
        self.update_provider = UpdateProvider(**common)
        self.create_region = CreateRegion(**common)
        self.update_region = UpdateRegion(**common)
        self.create_zone = CreateZone(**common)
        self.update_zone = UpdateZone(**common)
        self.create_instance_type = CreateInstanceType(**common)
        self.update_instance_type = UpdateInstanceType(**common)
        self.set_zones = SetZonesOfInstanceType(**common)
        self.seed = SeedCatalog(**common)
        self.export = ExportCatalog(unit_of_work=self.unit_of_work)
        self.import_ = ImportCatalog(**common)
        clouds = FixedClouds({"mock": self.cloud, "rival": self.rival})
        self.sync = SyncCatalog(clouds=clouds, **common)

    async def everything(self) -> WholeCatalog:
        async with self.unit_of_work() as work:
            return await work.catalog.everything()

    def acts(self) -> list[Act]:
        """Return what is in the books, oldest first."""
        return list(self.database.table(Act).values())
