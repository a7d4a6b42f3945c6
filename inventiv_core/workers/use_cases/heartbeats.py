"""Heartbeats: most are as expected, and noted many at a time; the others are acted on at once."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import (
    AT_REST,
    Instance,
    InstanceId,
    InstanceStatus,
)
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.instances.use_cases import change
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.events import DomainEvent
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.observability.entities import Measurement, MeasurementQueue, Pace
from inventiv_core.workers.entities import (
    Heard,
    Reception,
    Standing,
    Worker,
    WorkerCaller,
    WorkerReport,
)
from inventiv_core.workers.errors import (
    TooManyHeartbeats,
    WorkerInstanceNotFound,
    WorkerTokenInvalid,
)
from inventiv_core.workers.events import WorkerTokenRotated
from inventiv_core.workers.ports import WorkerQueries, WorkerTokens, WorkerWork

TRUSTED_FOR: Final = timedelta(minutes=1)
"""How long what was read of a worker is believed, without having been read again.

Whatever is noted is checked against the database once more, so what an outdated standing
lets in is answered, and then dropped.
"""
MAX_WORKERS: Final = 50_000
MAX_WAITING: Final = 256
"""The most heartbeats that may wait for the database at the same time."""
_AT_ONCE: Final = 1_000


class Roster:
    """The workers that one process has heard of lately, and what they said that is not stored yet.

    In memory and bounded: workers and their last words, however long the database is away.
    A crash loses what has come since the last flush; the next heartbeats say it again.
    """

    def __init__(self, capacity: int = MAX_WORKERS, waiting: int = MAX_WAITING) -> None:
        self._capacity = capacity
        self._places = waiting
        self._standings: dict[InstanceId, tuple[Standing, datetime]] = {}
        self._heard: dict[InstanceId, Heard] = {}
        self.pace = Pace(_AT_ONCE)
        self.dropped = 0
        """Heartbeats that were given up since the process began."""

    def __len__(self) -> int:
        return len(self._standings)

    @property
    def waiting(self) -> int:
        """How many workers have said something that is not stored yet."""
        return len(self._heard)

    def standing(self, instance_id: InstanceId, *, at: datetime) -> Standing | None:
        """Return how a worker stands, if that is known well enough."""
        known = self._standings.get(instance_id)
        if known is None or at - known[1] > TRUSTED_FOR:
            return None
        return known[0]

    def learn(self, standing: Standing, *, at: datetime) -> None:
        """Remember how a worker stands; whoever was learnt of longest ago is forgotten."""
        self._standings.pop(standing.instance_id, None)
        self._standings[standing.instance_id] = (standing, at)
        if len(self._standings) > self._capacity:
            self._standings.pop(next(iter(self._standings)))

    def forget(self, instance_id: InstanceId) -> None:
        """Read anew how a worker stands before anything is believed of it."""
        self._standings.pop(instance_id, None)

    def learn_of(self, event: DomainEvent) -> None:
        """Forget what may have changed, by whatever process."""
        if isinstance(event, InstanceChanged | WorkerTokenRotated):
            self.forget(InstanceId(event.instance_id))

    def hear(self, heard: Heard) -> None:
        """Keep a heartbeat until it is stored; what it says comes on top of what waits."""
        earlier = self._heard.get(heard.instance_id)
        if earlier is None and len(self._heard) >= self._capacity:
            self.dropped += 1
            return
        self._heard[heard.instance_id] = heard if earlier is None else heard.after(earlier)

    def take(self, limit: int) -> Sequence[Heard]:
        """Remove and return heartbeats that wait, those of whoever has waited longest first."""
        ids = [instance_id for instance_id, _ in zip(self._heard, range(limit), strict=False)]
        return [self._heard.pop(instance_id) for instance_id in ids]

    def take_one(self, instance_id: InstanceId) -> Heard | None:
        """Remove and return what waits of one worker."""
        return self._heard.pop(instance_id, None)

    def put_back(self, taken: Sequence[Heard]) -> None:
        """Return what could not be stored, beneath what has come since."""
        for earlier in taken:
            later = self._heard.pop(earlier.instance_id, None)
            self.hear(earlier)
            if later is not None:
                self.hear(later)

    @contextmanager
    def place(self) -> Generator[None]:
        """Wait for the database, unless too many do.

        Raises:
            TooManyHeartbeats: Too many do.
        """
        if self._places <= 0:
            raise TooManyHeartbeats
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The answer to a heartbeat."""

    new_token: str | None = None
    """What the worker is to call itself by from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Say how the worker is."""

    unit_of_work: UnitOfWork[WorkerWork]
    worker_queries: WorkerQueries
    worker_tokens: WorkerTokens
    roster: Roster
    measurement_queue: MeasurementQueue
    clock: Clock

    async def __call__(
        self, instance_id: InstanceId, report: WorkerReport, *, actor: WorkerCaller
    ) -> Acknowledged:
        """Note the report; wake the reconciler, at once, when it may change something.

        What is no news waits in memory for `FlushHeartbeats`. Heartbeats count by when they
        arrive, for agents do not say when they left; those of a process that has been
        replaced change nothing.

        Raises:
            WorkerTokenInvalid: The token is missing or wrong.
            WorkerInstanceNotFound: There is no such instance, or it is over.
            TooManyHeartbeats: The database is slower than workers come.
        """
        if actor.token is None:
            raise WorkerTokenInvalid
        now = self.clock.now()
        is_good_for_all = self.worker_tokens.is_good_for_all(actor.token)
        token_hash = None if is_good_for_all else self.worker_tokens.hash(actor.token)
        heard = Heard(instance_id=instance_id, report=report, at=now, token_hash=token_hash)
        standing = self.roster.standing(instance_id, at=now)
        if standing is None or standing.meets(heard) in {Reception.REFUSED, Reception.OVER}:
            standing = await self._look(heard)
        match standing.meets(heard):
            case Reception.REFUSED:
                raise WorkerTokenInvalid
            case Reception.OVER:
                raise WorkerInstanceNotFound(instance_id=instance_id)
            case Reception.LATE:
                return Acknowledged()
            case Reception.QUIET:
                self.roster.hear(heard)
            case Reception.NEWS:
                with self.roster.place():
                    await self._tell(heard)
        self.measurement_queue.put(
            Measurement(instance_id=instance_id, at=now, gpus=report.gpus, system=report.system)
        )
        return Acknowledged(new_token=self._token_for(standing, heard, actor))

    async def _look(self, heard: Heard) -> Standing:
        with self.roster.place():
            standing = await self.worker_queries.standing(heard.instance_id)
        if standing is None:
            self.roster.forget(heard.instance_id)
            if heard.token_hash is None:
                raise WorkerInstanceNotFound(instance_id=heard.instance_id)
            raise WorkerTokenInvalid
        self.roster.learn(standing, at=heard.at)
        return standing

    async def _tell(self, heard: Heard) -> None:
        """Act on news, and on what the worker has said before that."""
        earlier = self.roster.take_one(heard.instance_id)
        try:
            await tell(heard if earlier is None else heard.after(earlier), self.unit_of_work)
        except BaseException:
            if earlier is not None:
                self.roster.put_back([earlier])
            raise
        finally:
            self.roster.forget(heard.instance_id)

    def _token_for(self, standing: Standing, heard: Heard, actor: WorkerCaller) -> str | None:
        token = standing.token
        if token is None or not standing.has_token_for(heard, actor.ip_address):
            return None
        return self.worker_tokens.derive(standing.instance_id, token.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """What came of the heartbeats that had waited."""

    stored: int = 0
    dropped: int = 0
    """Of workers whose token or instance is good no more, or of which something newer is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushHeartbeats:
    """Store what workers have said since the last time, many at once."""

    unit_of_work: UnitOfWork[WorkerWork]
    roster: Roster
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Flushed:
        """Store what waits, each checked once more against what is stored.

        What turns out to be news is acted on, one by one. What cannot be stored waits on.
        """
        actor.must(Permission.OPERATE)
        stored = dropped = 0
        while taken := self.roster.take(limit := self.roster.pace.limit):
            try:
                quiet, news = await self._store(taken)
            except Exception:
                if self.roster.pace.failed():
                    self.roster.dropped += len(taken)
                else:
                    self.roster.put_back(taken)
                raise
            except BaseException:
                self.roster.put_back(taken)
                raise
            self.roster.pace.succeeded()
            for heard in news:
                quiet += await self._act_on(heard)
            stored, dropped = stored + quiet, dropped + len(taken) - quiet
            if len(taken) < limit:
                break  # a few have come meanwhile, and will be more next time
        return Flushed(stored=stored, dropped=dropped)

    async def _store(self, taken: Sequence[Heard]) -> tuple[int, Sequence[Heard]]:
        """Store what is no news; return how much it was, and what is."""
        now = self.clock.now()
        by_id = {heard.instance_id: heard for heard in taken}
        async with self.unit_of_work() as work:
            standings = await work.workers.standings(sorted(by_id))
            met = {
                standing.instance_id: standing.meets(by_id[standing.instance_id])
                for standing in standings
            }
            quiet = [heard for heard in taken if met.get(heard.instance_id) is Reception.QUIET]
            await work.workers.hear(quiet)
        for standing in standings:
            if met[standing.instance_id] is Reception.QUIET:
                self.roster.learn(standing, at=now)
            else:
                self.roster.forget(standing.instance_id)
        return len(quiet), [
            heard for heard in taken if met.get(heard.instance_id) is Reception.NEWS
        ]

    async def _act_on(self, heard: Heard) -> int:
        try:
            await tell(heard, self.unit_of_work)
        except DomainError:  # it is over since, or the token was taken back
            return 0
        return 1


async def tell(heard: Heard, unit_of_work: UnitOfWork[WorkerWork]) -> None:
    """Store one heartbeat, and have the reconciler look at its instance if it is news.

    Raises:
        WorkerTokenInvalid: The token is wrong.
        WorkerInstanceNotFound: There is no such instance, or it is over.
    """
    instance_id, at = heard.instance_id, heard.at
    async with unit_of_work() as work:
        instance = await living(instance_id, work, known=True)
        [standing] = await work.workers.standings([instance_id])
        match standing.meets(heard):
            case Reception.REFUSED:
                raise WorkerTokenInvalid
            case Reception.LATE:
                return
            case _:
                pass
        before = await work.workers.find(instance_id)
        if before is None:
            worker = Worker.register(instance_id, heard.report, at=at)
        else:
            worker = before.hear(heard.report, at=at)
        await work.workers.put(worker)
        if standing.token is not None:
            used = standing.token.used(heard.token_hash, at=at)
            if used != standing.token:
                await work.worker_tokens.put(used)
        after = await recover(instance, at, work)
        is_news = before is None or before.status is not worker.status
        if after is not instance or is_news or instance.status is InstanceStatus.UNAVAILABLE:
            await work.leases.schedule(instance_id, at=at)
            await work.outbox.add(InstanceChanged.of(after, at=at))


async def living(instance_id: InstanceId, work: WorkerWork, *, known: bool) -> Instance:
    """Return the instance, unless it is over. Strangers do not learn which instances there are."""
    try:
        instance = await work.instances.lock(instance_id, owner=None)
    except InstanceNotFound as error:
        if known:
            raise WorkerInstanceNotFound(instance_id=instance_id) from error
        raise WorkerTokenInvalid from error
    if instance.status in AT_REST:
        if known:
            raise WorkerInstanceNotFound(instance_id=instance_id)
        raise WorkerTokenInvalid
    return instance


async def recover(instance: Instance, now: datetime, work: WorkerWork) -> Instance:
    """Give an instance that was merely late another chance; return it as it is now."""
    if not instance.may_be_late:
        return instance
    booting = instance.boot_again(at=now)
    await change(instance, booting, work, reason="the worker came late", at=now)
    return booting
