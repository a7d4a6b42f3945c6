"""Knowing who can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.inference.entities.offerings import Offerings
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.entities.routing import Router
from inventiv_core.inference.entities.standings import MOST_STANDINGS, Standings
from inventiv_core.inference.ports import LimitQueries, RoutingQueries
from inventiv_core.inference.use_cases.admission import Admission
from inventiv_core.inference.views import Served
from inventiv_core.kernel.clock import Clock
from inventiv_core.models.entities import AccessPolicy, Standing
from inventiv_core.models.ports import OfferingQueries
from inventiv_core.models.views import Grant, GrantTable
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_core.workers.ports import EngineKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class ListServedModels:
    """List which models answer right now."""

    router: Router
    offerings: Offerings
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Sequence[Served]:
        """Return what the actor may use and somebody's machines serve, by name."""
        actor.must(Permission.INFER)
        usable = self.offerings.grants.usable(
            caller=actor.organization_id,
            at=self.clock.now(),
            standing=self.offerings.standings.of(actor),
        )
        return [
            Served(name=grant.public_name, fresh_at=route.fresh_at)
            for grant in usable
            if actor.models is None or grant.public_name in actor.models
            if (route := self.router.freshest(grant.provider_organization_id, grant.model_id))
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRoutes:
    """Bring up to date what this process knows: who can answer, who may ask, and how much."""

    routing_queries: RoutingQueries
    offering_queries: OfferingQueries
    limit_queries: LimitQueries
    router: Router
    offerings: Offerings
    admission: Admission
    clock: Clock
    effective_settings: EffectiveSettings
    engine_keys: EngineKeys

    async def __call__(self, *, actor: Actor) -> None:
        """Replace the table by what the database says now."""
        actor.must(Permission.OPERATE)
        stale_after = await self.effective_settings.stale_after()
        now = self.clock.now()
        snapshot = await self.routing_queries.snapshot(now=now, stale_after=stale_after)
        grants = await self.offering_queries.grants(at=now)
        standings = await self._standings(grants)
        limits = await self.limit_queries.all()
        self.admission.replace(limits)
        self.offerings.standings = Standings(standings)
        self.offerings.grants = GrantTable((model.named for model in snapshot.models), grants)
        self.router.replace(snapshot.models, self._with_keys(snapshot.routes), now=now)

    def _with_keys(self, routes: Sequence[Route]) -> Sequence[Route]:
        """Return the routes with the keys of their engines: no call has to look for one."""
        derive = self.engine_keys.derive
        return [
            replace(route, engine_key=derive(route.instance_id, route.life)) for route in routes
        ]

    async def _standings(self, grants: Sequence[Grant]) -> Mapping[UUID, Standing]:
        """Return how those stand who might use what is not for everybody."""
        consumers = {
            grant.consumer_organization_id
            for grant in grants
            if grant.access_policy is not AccessPolicy.FREE
        }
        if not consumers:
            return {}
        named = [consumer for consumer in consumers if consumer is not None]
        of = None if None in consumers else named
        return await self.offering_queries.standings(of, limit=MOST_STANDINGS)
