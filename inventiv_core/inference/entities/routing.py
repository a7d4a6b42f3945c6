"""Which worker gets a call."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from inventiv_core.identity.access import OrganizationId
from inventiv_core.inference.entities.affinity import ANYWHERE, Affinity, key_of, score
from inventiv_core.inference.entities.breakers import Breaker
from inventiv_core.inference.entities.routes import Route, ServableModel
from inventiv_core.inference.errors import ModelNotServed, NoReadyWorker
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.clock import Clock

SLOW_START: Final = timedelta(seconds=30)
"""How long a worker that is new, or back, gets less than its share: its caches are cold."""
SMALLEST_SHARE: Final = 0.1
BALANCE: Final = 1.25
"""How far above the mean the load of a worker may be that prompts belong to."""


@dataclass(slots=True, eq=False)
class Lane:
    """What this process knows of one worker."""

    route: Route
    seed: int
    began_at: datetime | None
    """When its slow start began; ``None`` if it has none."""
    breaker: Breaker
    outstanding: int = 0

    @property
    def load(self) -> int:
        """How many calls it works on, or has waiting."""
        return self.outstanding + self.route.queue_depth

    def share(self, now: datetime) -> float:
        """Return what it may get of the usual load: 1 after its slow start."""
        if self.began_at is None:
            return 1.0
        age = (now - self.began_at) / SLOW_START
        if age >= 1:
            self.began_at = None
            return 1.0
        return max(SMALLEST_SHARE, age)


@dataclass(slots=True, eq=False)  # not frozen: one for each call, at half the price
class Attempt:
    """A call that is under way at a worker."""

    lane: Lane
    is_probe: bool

    @property
    def route(self) -> Route:
        """Where it is."""
        return self.lane.route


class Router:
    """The routing table, in memory: usable while the database is not.

    Not shared between processes; each refreshes its own, and counts its own calls.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, ServableModel] = {}
        self._lanes: dict[InstanceId, Lane] = {}
        self._by_owner: dict[tuple[OrganizationId, str], list[Lane]] = {}
        self._is_filled = False

    def replace(
        self, models: Sequence[ServableModel], routes: Sequence[Route], *, now: datetime
    ) -> None:
        """Make these the models and the routes. What is known of workers that stay is kept.

        Workers that are new start slowly, but for those of the first time.
        """
        names = Counter(model.name for model in models)
        by_name = {model.name: model for model in models if names[model.name] == 1}
        by_name |= {str(model.id): model for model in models}
        by_name |= {model.model_id: model for model in models}  # this name is the strongest
        lanes: dict[InstanceId, Lane] = {}
        by_owner: dict[tuple[OrganizationId, str], list[Lane]] = {}
        for route in routes:
            lane = self._lane(route, now)
            lanes[route.instance_id] = lane
            by_owner.setdefault((route.organization_id, route.model_id), []).append(lane)
        self._by_name, self._lanes, self._by_owner = by_name, lanes, by_owner
        self._is_filled = True

    def _lane(self, route: Route, now: datetime) -> Lane:
        known = self._lanes.get(route.instance_id)
        if known is not None and known.route.base_url == route.base_url:
            known.route = route
            return known
        return Lane(
            route=route,
            seed=key_of(route.instance_id.bytes),
            began_at=now if self._is_filled else None,
            breaker=Breaker(),
        )

    def resolve(self, name: str) -> ServableModel:
        """Return the model that a caller means: by its public name, its id, or its name.

        Raises:
            ModelNotServed: The catalog has no such model, or it is switched off.
        """
        try:
            return self._by_name[name]
        except KeyError:
            lowered = self._by_name.get(name.lower())  # UUIDs come in upper case, too
            if lowered is None or str(lowered.id) != name.lower():
                raise ModelNotServed(model=name) from None
            return lowered

    def choose(
        self,
        model_id: str,
        *,
        owner: OrganizationId,
        tried: Collection[InstanceId],
        chance: Chance,
        now: datetime,
        affinity: Affinity = ANYWHERE,
    ) -> Route:
        """Return the worker that a call belongs to; if it belongs to none, one with little to do.

        A session stays with its worker while that one answers. A prompt goes where its
        beginning was read before; where that one has more to do than the mean by `BALANCE`,
        to the next that the beginning belongs to (Mirrokni et al., "Consistent Hashing with
        Bounded Loads", 2016).

        Raises:
            NoReadyWorker: There is none, or all were tried, or all are left alone for a while.
        """
        lanes = [
            lane
            for lane in self._by_owner.get((owner, model_id), ())
            if lane.breaker.allows(now) and lane.route.instance_id not in tried
        ]
        if not lanes:
            raise NoReadyWorker(model=model_id)
        if len(lanes) == 1:
            return lanes[0].route
        if affinity.session is not None:
            return _home(lanes, key_of(affinity.session.encode())).route
        beginning = affinity.beginning()
        if beginning:
            roomy = _with_room(lanes, now)
            if roomy:
                return _home(roomy, key_of(beginning)).route
        return _less_busy(lanes, chance, now).route

    def freshest(self, owner: OrganizationId, model_id: str) -> Route | None:
        """Return the route to the owner's worker that was heard of last; ``None`` without any."""
        routes = (lane.route for lane in self._by_owner.get((owner, model_id), ()))
        return max(routes, key=lambda route: route.fresh_at, default=None)

    def begin(self, route: Route) -> Attempt:
        """Count a call that goes to the worker. It must be ended."""
        lane = self._lanes.get(route.instance_id)
        if lane is None:  # gone since it was chosen
            lane = Lane(route=route, seed=0, began_at=None, breaker=Breaker())
        lane.outstanding += 1
        is_probe = lane.breaker.is_open
        if is_probe:
            lane.breaker.is_probed = True
        return Attempt(lane, is_probe)

    def end(self, attempt: Attempt) -> None:
        """Count it off."""
        attempt.lane.outstanding -= 1
        if attempt.is_probe:
            attempt.lane.breaker.is_probed = False

    def succeed(self, attempt: Attempt, clock: Clock) -> None:
        """Note that the worker has answered: one that was left alone comes back slowly."""
        if attempt.lane.breaker.succeed():
            attempt.lane.began_at = clock.now()

    def fail(self, attempt: Attempt, *, now: datetime) -> None:
        """Note that the worker has not answered, or broken off."""
        attempt.lane.breaker.fail(now, was_probe=attempt.is_probe)


def _home(lanes: Sequence[Lane], key: int) -> Lane:
    return max(lanes, key=lambda lane: score(key, lane.seed))


def _with_room(lanes: Sequence[Lane], now: datetime) -> Sequence[Lane]:
    """Return those whose load would stay within the bound: none only while many start slowly."""
    total = sum(lane.load for lane in lanes) + 1
    bound = math.ceil(BALANCE * total / len(lanes))
    return [lane for lane in lanes if lane.load + 1 <= bound * lane.share(now)]


def _less_busy(lanes: list[Lane], chance: Chance, now: datetime) -> Lane:
    """Return the less busy of two workers drawn at random.

    Two random choices keep the longest queue exponentially shorter than one does, and
    do not send everybody to the same worker as a stale minimum would (Mitzenmacher, 2001).
    """
    first = lanes.pop(int(chance() * len(lanes)))
    second = lanes[int(chance() * len(lanes))]
    return min(first, second, key=lambda lane: (lane.load + 1) / lane.share(now))
