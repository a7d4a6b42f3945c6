"""What observability needs from the outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.observability.entities import (
    AnsweredRequest,
    Level,
    Measurement,
    Resolution,
)
from inventiv_core.observability.views import (
    RequestMetrics,
    RuntimeModelRow,
    Series,
    SeriesFilter,
)


class MeasurementRepository(Protocol):
    """Everything that machines have measured, as it came and summed up."""

    async def add(self, measurements: Sequence[Measurement], *, at: datetime) -> None:
        """Store measurements, and mark their minutes as changed at that instant.

        What is stored already (the same GPU, the same moment) stays as it is.
        """
        ...

    async def take(
        self, level: Level, *, over_by: datetime, marked_by: datetime
    ) -> datetime | None:
        """Take a mark off: return the beginning of the oldest changed row whose turn it is.

        Its turn it is when its time was over by the one instant, or when it was marked by the
        other. Whoever takes a mark must `sum_up` in the same piece of work. What has been
        marked since then, by whomever, is marked again.
        """
        ...

    async def sum_up(self, level: Level, begins: datetime, *, at: datetime) -> None:
        """Compute the rows of one beginning anew from the next finer level.

        The row of the next coarser level that they are part of is marked.
        """
        ...

    async def oldest_mark(self, level: Level) -> datetime | None:
        """Return the beginning of the oldest row that is yet to be computed."""
        ...

    async def make_room(self, level: Level, *, at: datetime) -> None:
        """Have a partition for that instant; nothing happens if there is one."""
        ...

    async def drop(self, level: Level, *, before: datetime) -> None:
        """Drop the partitions that hold nothing from that instant on."""
        ...


class RequestCountRepository(Protocol):
    """How many requests there were, counted as they are stored: nothing is counted twice."""

    async def add(self, requests: Sequence[AnsweredRequest]) -> None:
        """Count requests, for their instances and for their models.

        Those to an instance that is not known count for nobody.
        """
        ...


class RuntimeModelRepository(Protocol):
    """Which models have been served."""

    async def note_served(self) -> None:
        """Remember what workers serve at this moment, and until when they were heard of."""
        ...


class ObservabilityQueries(Protocol):
    """What was measured, as people look at it. Reads only, each in one statement."""

    async def gpus(
        self, owner: OrganizationId, where: SeriesFilter, shown: Resolution, *, limit: int
    ) -> Sequence[Series]:
        """Return what GPUs of ``owner`` measured, by instance and index; oldest points first."""
        ...

    async def systems(
        self, owner: OrganizationId, where: SeriesFilter, shown: Resolution, *, limit: int
    ) -> Sequence[Series]:
        """Return what machines of ``owner`` measured, by instance; oldest points first."""
        ...

    async def runtime_models(
        self, owner: OrganizationId, *, now: datetime, stale_after: timedelta, limit: int
    ) -> Sequence[RuntimeModelRow]:
        """Return the models of ``owner``: those with the most instances first."""
        ...

    async def requests(
        self, instance_id: InstanceId, *, owner: OrganizationId
    ) -> RequestMetrics | None:
        """Return what was counted for one instance of ``owner``."""
        ...

    async def fleet(self) -> Mapping[InstanceStatus, int]:
        """Return how many instances there are in each status, whosever they are."""
        ...


class MeasurementWork(Protocol):
    """What one atomic piece of storing or summing up may touch."""

    @property
    def measurements(self) -> MeasurementRepository: ...


class RequestCountWork(Protocol):
    """What counting requests touches."""

    @property
    def request_counts(self) -> RequestCountRepository: ...


class RuntimeModelWork(Protocol):
    """What remembering models touches."""

    @property
    def runtime_models(self) -> RuntimeModelRepository: ...
