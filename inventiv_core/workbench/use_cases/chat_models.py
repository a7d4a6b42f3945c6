"""Which models one can talk to."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.models.ports import OfferingQueries
from inventiv_core.models.use_cases.offerings import usable_by
from inventiv_core.models.views import Grant
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_core.workbench.ports import LiveModelQueries
from inventiv_core.workbench.views import ChatModel, ChatScope


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChatModels:
    """List the models that answer the workspace at this moment."""

    offering_queries: OfferingQueries
    live_model_queries: LiveModelQueries
    effective_settings: EffectiveSettings
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Sequence[ChatModel]:
        """Return what the workspace may use and somebody's machines serve.

        The models of the catalog come first; in each part, they are sorted by what they are
        called.
        """
        actor.must(Permission.VIEW_CATALOG)
        now = self.clock.now()
        usable = await usable_by(actor, self.offering_queries, at=now)
        owners = {grant.provider_organization_id for grant in usable}
        heard_since = now - await self.effective_settings.stale_after()
        found = await self.live_model_queries.live(sorted(owners), heard_since=heard_since)
        live = {(each.organization_id, each.model_id) for each in found}
        answering = [
            _shown(grant)
            for grant in usable
            if (grant.provider_organization_id, grant.model_id) in live
        ]
        return sorted(answering, key=_place)


def _shown(grant: Grant) -> ChatModel:
    return ChatModel(
        model=grant.public_name,
        label=grant.name,
        scope=ChatScope.PUBLIC if grant.code is None else ChatScope.ORG,
        underlying_model_id=grant.model_id,
        through=grant.channel,
        price=grant.price,
    )


def _place(shown: ChatModel) -> tuple[bool, str, str]:
    return shown.scope is ChatScope.ORG, shown.label, shown.model
