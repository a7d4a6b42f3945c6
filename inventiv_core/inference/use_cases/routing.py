"""Knowing who can answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.entities.routing import Router
from inventiv_core.inference.ports import RoutingQueries
from inventiv_core.kernel.clock import Clock
from inventiv_core.settings.use_cases.effective import EffectiveSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ListServedModels:
    """List which models answer right now."""

    router: Router

    async def __call__(self, *, actor: Actor) -> Sequence[Route]:
        """Return one route for each model that the actor may use and its organization serves."""
        actor.must(Permission.INFER)
        if actor.organization_id is None:
            return ()
        served = self.router.served(actor.organization_id)
        if actor.models is None:
            return served
        return [route for route in served if route.model_id in actor.models]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRoutes:
    """Bring this process's routing table up to date."""

    routing_queries: RoutingQueries
    router: Router
    clock: Clock
    effective_settings: EffectiveSettings

    async def __call__(self, *, actor: Actor) -> None:
        """Replace the table by what the database says now."""
        actor.must(Permission.OPERATE)
        stale_after = await self.effective_settings.stale_after()
        now = self.clock.now()
        snapshot = await self.routing_queries.snapshot(now=now, stale_after=stale_after)
        self.router.replace(snapshot.models, snapshot.routes, now=now)
