"""What costs money and nobody wants, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.catalog.entities import InstanceType, Provider
from inventiv_core.finops.entities.leaks import Leak, Rates
from inventiv_core.finops.ports.leaks import LeakQueries, LeakRepository
from inventiv_core.finops.views.leaks import LeakTotal
from inventiv_core.kernel.money import ZERO_EUR


class MemoryLeaks(LeakRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._table = database.table(Leak)

    async def rates(self, provider_code: str, instance_type: str) -> Rates:
        providers = {
            provider.id
            for provider in self._database.table(Provider).values()
            if provider.code == provider_code
        }
        types = [
            kind
            for kind in self._database.table(InstanceType).values()
            if kind.provider_id in providers
        ]
        known = next((kind for kind in types if kind.code == instance_type), None)
        dearest = max(
            (kind.volume_cost_per_gb_month for kind in types if kind.volume_cost_per_gb_month),
            default=None,
        )
        if known is None:
            return Rates(cost_per_hour=None, volume_cost_per_gb_month=dearest)
        return Rates(
            cost_per_hour=known.cost_per_hour,
            volume_cost_per_gb_month=known.volume_cost_per_gb_month,
        )

    async def begin(self, leak: Leak) -> Leak:
        machine = (leak.provider_code, leak.machine_id)
        for known in self._table.values():
            if (known.provider_code, known.machine_id) == machine:
                leak = replace(known, until=None)
                break
        self._table[leak.id] = leak
        return leak

    async def end(self, instance_id: UUID, *, machine_id: str | None, at: datetime) -> None:
        for leak in list(self._table.values()):
            if leak.instance_id == instance_id and machine_id in {None, leak.machine_id}:
                self._end(leak, at)

    async def end_unseen(
        self, provider_code: str, seen: Sequence[str], *, listed_at: datetime, at: datetime
    ) -> None:
        for leak in list(self._table.values()):
            was_there = leak.provider_code == provider_code and leak.since < listed_at
            if was_there and leak.machine_id not in seen:
                self._end(leak, at)

    def _end(self, leak: Leak, at: datetime) -> None:
        if leak.until is None:
            self._table[leak.id] = replace(leak, until=max(at, leak.since))


class MemoryLeakQueries(LeakQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def totals(self, *, at: datetime) -> Sequence[LeakTotal]:
        leaks = list(self._database.table(Leak).values())
        return [
            LeakTotal(
                provider_code=code,
                eur=sum((leak.eur(at) for leak in leaks if leak.provider_code == code), ZERO_EUR),
                open=sum(leak.until is None for leak in leaks if leak.provider_code == code),
                eur_per_hour=sum(
                    (
                        leak.eur_per_hour
                        for leak in leaks
                        if leak.provider_code == code and leak.until is None
                    ),
                    ZERO_EUR,
                ),
            )
            for code in sorted({leak.provider_code for leak in leaks})
        ]

    async def newest(self, *, limit: int) -> Sequence[Leak]:
        leaks = sorted(
            self._database.table(Leak).values(),
            key=lambda leak: (leak.until is None, leak.since, leak.id),
            reverse=True,
        )
        return leaks[:limit]
