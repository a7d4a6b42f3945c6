"""Workers and their tokens, in memory."""

from dataclasses import replace
from datetime import datetime

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import Worker, WorkerToken
from inventiv_core.workers.ports import WorkerRepository, WorkerTokenRepository


class MemoryWorkers(WorkerRepository):
    """The workers."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def put(self, worker: Worker) -> None:
        self._database.table(Worker)[worker.instance_id] = worker

    async def find(self, instance_id: InstanceId) -> Worker | None:
        return self._database.table(Worker).get(instance_id)

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

    async def touch(self, instance_id: InstanceId, *, at: datetime) -> None:
        token = self._database.table(WorkerToken).get(instance_id)
        if token is not None:
            self._database.table(WorkerToken)[instance_id] = replace(token, last_seen_at=at)
