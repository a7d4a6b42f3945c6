"""Routing and usage, in memory."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.activations.entities import ActivationPolicy, Activations
from inventiv_core.inference.entities.routes import Route, ServableModel
from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.ports import (
    RoutingQueries,
    UsageRepository,
    UsageSpool,
)
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.models.entities import Model
from inventiv_core.workers.entities import Worker, WorkerStatus, engine_url


class MemoryUsage(UsageRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, usages: Sequence[InferenceUsage]) -> Sequence[InferenceUsage]:
        table = self._database.table(InferenceUsage)
        added: list[InferenceUsage] = []
        for usage in usages:
            if usage.id not in table:
                table[usage.id] = usage
                added.append(usage)
        return added


class MemorySpool(UsageSpool):
    """A queue. It ends with its process, as all that is in memory does."""

    def __init__(self) -> None:
        self._waiting: deque[InferenceUsage] = deque()

    def open(self) -> None:
        """Be ready, as it always is."""

    def close(self) -> None:
        """Be over, as it is with its process."""

    def put(self, usage: InferenceUsage) -> None:
        self._waiting.append(usage)

    def take(self, limit: int) -> Sequence[InferenceUsage]:
        return list(islice(self._waiting, limit))

    def forget(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()


class MemoryRoutingQueries(RoutingQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def snapshot(self, *, now: datetime, stale_after: timedelta) -> RoutingSnapshot:
        models = {
            model.id: model for model in self._database.table(Model).values() if model.is_active
        }
        routes: list[Route] = []
        for worker in self._database.table(Worker).values():
            instance = self._database.table(Instance)[worker.instance_id]
            model = models.get(instance.model_id)
            if model is None or not _serves(instance, worker) or self._is_held_back(instance):
                continue
            if worker.is_fresh(now, stale_after=stale_after):
                routes.append(_route(instance, worker, model))
        return RoutingSnapshot(
            models=[
                ServableModel(
                    id=model.id,
                    model_id=model.model_id,
                    name=model.name,
                    context_length=model.context_length,
                )
                for model in sorted(models.values(), key=lambda model: model.model_id)
            ],
            routes=sorted(routes, key=lambda route: route.instance_id),
        )

    def _is_held_back(self, instance: Instance) -> bool:
        """Tell whether its organization wants more activations than it has."""
        policy = self._database.table(ActivationPolicy).get(instance.organization_id)
        activations = self._database.table(Activations).get(instance.id)
        return policy is not None and not policy.lets_serve(activations)


def _serves(instance: Instance, worker: Worker) -> bool:
    return (
        instance.status is InstanceStatus.READY
        and instance.ip_address is not None
        and worker.status is WorkerStatus.READY
    )


def _route(instance: Instance, worker: Worker, model: Model) -> Route:
    return Route(
        instance_id=InstanceId(instance.id),
        organization_id=instance.organization_id,
        model_id=model.model_id,
        base_url=engine_url(instance.ip_address or "", worker.vllm_port),
        queue_depth=worker.queue_depth or 0,
        fresh_at=worker.last_heartbeat_at,
    )
