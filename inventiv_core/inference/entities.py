"""Routes to workers, and what was used."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.inference.errors import ModelNotServed, NoReadyWorker
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.chance import Chance
from inventiv_core.observability.entities import AnsweredRequest

MAX_ATTEMPTS: Final = 3
"""How many workers one call may try before its first byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One worker that serves one model."""

    instance_id: InstanceId
    organization_id: OrganizationId
    """Whose machine it is: nobody else's calls go there."""
    model_id: str
    """The model's public name, as the engine knows it."""
    base_url: str
    queue_depth: int
    """Calls that wait at the engine, as its last heartbeat said."""
    fresh_at: datetime
    """When the worker was last heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServableModel:
    """An active model of the catalog."""

    id: UUID
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """What an engine says a call has used."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceUsage:
    """One call that an engine has answered."""

    id: UUID
    occurred_at: datetime
    organization_id: OrganizationId
    """Who used it."""
    user_id: UserId | None
    api_key_id: ApiKeyId | None = None
    """``None`` when it was used with a session."""
    instance_id: InstanceId
    model_id: str
    path: str
    streamed: bool
    status_code: int
    input_tokens: int | None
    """``None`` when the engine did not say."""
    output_tokens: int | None
    total_tokens: int | None
    ttft_ms: int | None
    """From the call to the first byte of the answer."""
    duration_ms: int

    def as_answered(self) -> AnsweredRequest:
        """Return what is counted of it."""
        return AnsweredRequest(
            instance_id=self.instance_id,
            model_id=self.model_id,
            at=self.occurred_at,
            status_code=self.status_code,
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            total_tokens=self.total_tokens or 0,
        )


class Router:
    """The routing table, in memory: usable while the database is not.

    Not shared between processes; each refreshes its own.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, str] = {}
        self._routes: dict[tuple[OrganizationId, str], list[Route]] = {}
        self._outstanding: dict[InstanceId, int] = {}

    def replace(self, models: Sequence[ServableModel], routes: Sequence[Route]) -> None:
        """Make these the models and the routes. Calls under way stay counted."""
        by_name = {model.model_id: model.model_id for model in models}
        by_name |= {str(model.id): model.model_id for model in models}
        by_owner: dict[tuple[OrganizationId, str], list[Route]] = {}
        for route in routes:
            by_owner.setdefault((route.organization_id, route.model_id), []).append(route)
        self._by_name, self._routes = by_name, by_owner

    def resolve(self, name: str) -> str:
        """Return the public name of the model that a caller means: by that name, or by its id.

        Raises:
            ModelNotServed: The catalog has no such model, or it is switched off.
        """
        try:
            return self._by_name[name]
        except KeyError:
            lowered = self._by_name.get(name.lower())  # UUIDs come in upper case, too
            if lowered is None:
                raise ModelNotServed(model=name) from None
            return lowered

    def choose(
        self,
        model_id: str,
        *,
        owner: OrganizationId,
        tried: Collection[InstanceId],
        chance: Chance,
    ) -> Route:
        """Return the less busy of two workers drawn at random.

        Two random choices keep the longest queue exponentially shorter than one does, and
        do not send everybody to the same worker as a stale minimum would (Mitzenmacher, 2001).

        Raises:
            NoReadyWorker: There is none, or all were tried.
        """
        candidates = [
            route
            for route in self._routes.get((owner, model_id), ())
            if route.instance_id not in tried
        ]
        if not candidates:
            raise NoReadyWorker(model=model_id)
        first = candidates.pop(int(chance() * len(candidates)))
        if not candidates:
            return first
        second = candidates[int(chance() * len(candidates))]
        return min(first, second, key=self._load)

    def served(self, owner: OrganizationId) -> Sequence[Route]:
        """Return one route for each model the organization can use, by model: the freshest."""
        freshest = [
            max(routes, key=lambda route: route.fresh_at)
            for (organization_id, _), routes in self._routes.items()
            if organization_id == owner
        ]
        return sorted(freshest, key=lambda route: route.model_id)

    def begin(self, route: Route) -> None:
        """Count a call that goes to the worker."""
        self._outstanding[route.instance_id] = self._outstanding.get(route.instance_id, 0) + 1

    def end(self, route: Route) -> None:
        """Count it off."""
        remaining = self._outstanding.get(route.instance_id, 0) - 1
        if remaining > 0:
            self._outstanding[route.instance_id] = remaining
        else:
            self._outstanding.pop(route.instance_id, None)

    def _load(self, route: Route) -> int:
        return self._outstanding.get(route.instance_id, 0) + route.queue_depth
