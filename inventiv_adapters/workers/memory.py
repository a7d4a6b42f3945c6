"""Workers and their tokens, in memory."""

from collections.abc import Sequence

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.workers.entities import Heard, Standing, Worker, WorkerToken
from inventiv_core.workers.ports import WorkerQueries, WorkerRepository, WorkerTokenRepository


class MemoryWorkers(WorkerRepository):
    """The workers."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def put(self, worker: Worker) -> None:
        self._database.table(Worker)[worker.instance_id] = worker

    async def find(self, instance_id: InstanceId) -> Worker | None:
        return self._database.table(Worker).get(instance_id)

    async def standings(self, instance_ids: Sequence[InstanceId]) -> Sequence[Standing]:
        found = (_standing(self._database, instance_id) for instance_id in instance_ids)
        return [standing for standing in found if standing is not None]

    async def hear(self, heard: Sequence[Heard]) -> None:
        table = self._database.table(Worker)
        for each in heard:
            if each.instance_id in table:
                table[each.instance_id] = table[each.instance_id].hear(each.report, at=each.at)

    async def forget(self, instance_id: InstanceId) -> None:
        self._database.table(Worker).pop(instance_id, None)


class MemoryWorkerTokens(WorkerTokenRepository):
    """The tokens."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def put(self, token: WorkerToken) -> None:
        self._database.table(WorkerToken)[token.instance_id] = token

    async def find(self, instance_id: InstanceId) -> WorkerToken | None:
        return self._database.table(WorkerToken).get(instance_id)


class MemoryWorkerQueries(WorkerQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def standing(self, instance_id: InstanceId) -> Standing | None:
        return _standing(self._database, instance_id)


def _standing(database: MemoryDatabase, instance_id: InstanceId) -> Standing | None:
    instance = database.table(Instance).get(instance_id)
    if instance is None:
        return None
    worker = database.table(Worker).get(instance_id)
    return Standing(
        instance_id=instance_id,
        organization_id=instance.organization_id,
        status=instance.status,
        ip_address=instance.ip_address,
        token=database.table(WorkerToken).get(instance_id),
        worker_status=None if worker is None else worker.status,
        worker_id=None if worker is None else worker.worker_id,
        former_id=None if worker is None else worker.former_id,
        heard_at=None if worker is None else worker.last_heartbeat_at,
        is_to_reinstall=instance.is_to_reinstall,
    )
