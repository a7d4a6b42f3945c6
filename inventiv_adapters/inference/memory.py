"""Routing, usage and limits, in memory."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from math import ceil
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.activations.entities import ActivationPolicy, Activations
from inventiv_core.finops.entities.wallets import MICRO_EUR
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.inference.entities.gauges import (
    Bucket,
    Gauge,
    Hold,
    Measure,
    Verdict,
    milliseconds,
)
from inventiv_core.inference.entities.limits import Issuer, Limit, LimitId
from inventiv_core.inference.entities.routes import Route, ServableModel
from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.ports import (
    Limiter,
    LimitQueries,
    LimitRepository,
    RoutingQueries,
    UsageRepository,
    UsageSpool,
)
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.kernel.clock import Clock
from inventiv_core.models.entities import Model, Offering, OfferingId, TokenUsage
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
        life=instance.life,
    )


class MemoryLimits(LimitRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._limits = database.table(Limit)

    async def put(self, limit: Limit) -> Limit:
        known = await self.find(limit)
        if known is not None:
            limit = replace(limit, id=known.id, created_at=known.created_at)
        self._limits[limit.id] = limit
        return limit

    async def find(self, limit: Limit) -> Limit | None:
        return next((one for one in self._limits.values() if one.place == limit.place), None)

    async def get(
        self, limit_id: LimitId, *, issuer: Issuer, owner: OrganizationId | None
    ) -> Limit | None:
        limit = self._limits.get(limit_id)
        return limit if limit is not None and _is_of(limit, issuer, owner) else None

    async def remove(self, limit_id: LimitId) -> None:
        self._limits.pop(limit_id, None)

    async def count(self, *, issuer: Issuer, owner: OrganizationId | None) -> int:
        return sum(_is_of(limit, issuer, owner) for limit in self._limits.values())


def _is_of(limit: Limit, issuer: Issuer, owner: OrganizationId | None) -> bool:
    return limit.issuer is issuer and (owner is None or limit.organization_id == owner)


class MemoryLimitQueries(LimitQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def all(self) -> Sequence[Limit]:
        limits = self._database.table(Limit).values()
        return sorted(limits, key=lambda limit: limit.id)

    async def of(self, owner: OrganizationId, *, limit: int) -> Sequence[Limit]:
        return [one for one in await self.all() if one.organization_id in {owner, None}][:limit]

    async def of_platform(self, *, limit: int) -> Sequence[Limit]:
        return [one for one in await self.all() if one.issuer is Issuer.PLATFORM][:limit]

    async def spent(self, gauges: Sequence[Gauge]) -> Mapping[Gauge, int]:
        usages = self._database.table(InferenceUsage).values()
        return {
            gauge: _sum(gauge, [usage for usage in usages if self._counts(usage, gauge)])
            for gauge in gauges
        }

    def _counts(self, usage: InferenceUsage, gauge: Gauge) -> bool:
        circle = gauge.circle
        return (
            gauge.since is not None
            and usage.occurred_at >= gauge.since
            and usage.organization_id == circle.organization_id
            and circle.user_id in {usage.user_id, None}
            and circle.api_key_id in {usage.api_key_id, None}
            and circle.model in {self._public_name(usage), None}
        )

    def _public_name(self, usage: InferenceUsage) -> str | None:
        if usage.offering_id is None:
            return usage.model_id
        offering = self._database.table(Offering).get(OfferingId(usage.offering_id))
        if offering is None:
            return None
        owner = self._database.table(Organization)[offering.organization_id]
        return f"{owner.slug}/{offering.code}"


def _sum(gauge: Gauge, usages: Sequence[InferenceUsage]) -> int:
    if gauge.measure is Measure.TOKENS:
        return sum(usage.total_tokens or 0 for usage in usages)
    eur = sum((_cost(usage) for usage in usages), start=Decimal(0))
    return ceil(eur / MICRO_EUR)


def _cost(usage: InferenceUsage) -> Decimal:
    if usage.price is None:
        return Decimal(0)
    return usage.price.cost(
        TokenUsage(
            input_tokens=usage.input_tokens or 0,
            output_tokens=usage.output_tokens or 0,
            cached_input_tokens=usage.cached_tokens or 0,
        )
    )


class MemoryLimiter(Limiter):
    """Counts what this process lets in; for one process, or for as long as Redis is away.

    What says nothing any more is forgotten now and then.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[Gauge, Bucket]] = {}
        self._holds: dict[UUID, Hold] = {}

    @property
    def remembered(self) -> int:
        """How many gauges are remembered."""
        return len(self._buckets)

    def __contains__(self, hold: Hold) -> bool:
        """Tell whether the hold is one of this limiter's that was not settled."""
        return hold.id in self._holds

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to disconnect from."""

    async def hold(self, hold: Hold) -> Verdict:
        now_ms = self._now_ms()
        buckets = [self._bucket(ask.gauge) for ask in hold.asks]
        pairs = list(zip(hold.asks, buckets, strict=True))
        readings = [bucket.reading(ask.gauge, now_ms) for ask, bucket in pairs]
        for ask, reading in zip(hold.asks, readings, strict=True):
            if not ask.gauge.fits(reading, ask.amount):
                return Verdict(is_admitted=False, readings=readings)
        self._holds[hold.id] = hold
        readings = [bucket.take(ask.gauge, hold.id, ask.amount, now_ms) for ask, bucket in pairs]
        return Verdict(is_admitted=True, readings=readings)

    def settle(self, hold: Hold, used: Mapping[Measure, int]) -> None:
        self._holds.pop(hold.id, None)
        now_ms = self._now_ms()
        for ask in hold.leased:
            amount = used.get(ask.gauge.measure, 0)
            self._bucket(ask.gauge).settle(ask.gauge, hold.id, amount, now_ms)

    async def renew(self) -> None:
        now_ms = self._now_ms()
        for hold in self._holds.values():
            for ask in hold.renewed:
                self._bucket(ask.gauge).renew(ask.gauge, hold.id, now_ms)
        for key, (gauge, bucket) in list(self._buckets.items()):
            if bucket.is_idle(gauge, now_ms):
                del self._buckets[key]

    async def seed(self, used: Mapping[Gauge, int]) -> None:
        for gauge, amount in used.items():
            self._bucket(gauge).seed(amount)

    def doubt(self) -> None:
        """Know no longer what was used of budgets: others have counted, meanwhile."""
        for _, bucket in self._buckets.values():
            bucket.is_known = False

    def _bucket(self, gauge: Gauge) -> Bucket:
        known = self._buckets.get(gauge.key)
        if known is None or known[0] is not gauge:  # its limit may be another by now
            known = (gauge, Bucket() if known is None else known[1])
            self._buckets[gauge.key] = known
        return known[1]

    def _now_ms(self) -> int:
        return milliseconds(self._clock.now())
