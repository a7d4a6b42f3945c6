"""What the reconciler has to know, in memory."""

from collections import deque
from datetime import datetime
from uuid import UUID

from inventiv_adapters.kernel.memory import INSTALLATION_ID, MemoryDatabase
from inventiv_core.catalog.entities import InstanceType, Provider, ProviderId, Zone
from inventiv_core.instances.entities import WITH_MACHINE, Instance, InstanceId
from inventiv_core.kernel.secrets import Secret
from inventiv_core.models.entities import Model
from inventiv_core.orchestration.ports import EngineProbe, SituationQueries
from inventiv_core.orchestration.views import Losses, Particulars, Situation
from inventiv_core.workers.entities import Worker


class MemorySituationQueries(SituationQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def find(self, instance_id: InstanceId) -> Situation | None:
        instance = self._database.table(Instance).get(instance_id)
        if instance is None:
            return None
        return Situation(
            instance=instance,
            particulars=Particulars(
                provider_code=self._database.table(Provider)[instance.provider_id].code,
                zone=self._database.table(Zone)[instance.zone_id].code,
                instance_type=self._database.table(InstanceType)[instance.instance_type_id].code,
                model_id=self._database.table(Model)[instance.model_id].model_id,
            ),
            worker=self._database.table(Worker).get(instance_id),
        )

    async def losses(self, provider_id: ProviderId, *, since: datetime) -> Losses:
        theirs = [
            instance
            for instance in self._database.table(Instance).values()
            if instance.provider_id == provider_id
        ]
        there = [instance for instance in theirs if instance.status in WITH_MACHINE]
        vanished = [
            instance
            for instance in theirs
            if instance.status not in WITH_MACHINE
            and instance.deleted_by_provider
            and instance.status_since >= since
        ]
        missing = [instance for instance in there if instance.missing_since is not None]
        return Losses(lost=len(missing) + len(vanished), fleet=len(there) + len(vanished))

    async def installation_id(self) -> UUID:
        return INSTALLATION_ID


class HealthyEngines(EngineProbe):
    """Engines that are as well as somebody says they are, by their address."""

    def __init__(self) -> None:
        self.serving: dict[str, tuple[str, ...]] = {}
        self.busy: dict[str, int | None] = {}
        """How many calls they work on; others work on none."""
        self.keys: deque[Secret] = deque(maxlen=100)
        """With which keys they were asked lately, in order."""

    async def models(self, base_url: str, *, key: Secret) -> tuple[str, ...] | None:
        self.keys.append(key)
        return self.serving.get(base_url)

    async def under_way(self, base_url: str, *, key: Secret) -> int | None:
        self.keys.append(key)
        return self.busy.get(base_url, 0)

    async def warm_up(self, base_url: str, model_id: str, *, key: Secret) -> bool:
        self.keys.append(key)
        return model_id in self.serving.get(base_url, ())
