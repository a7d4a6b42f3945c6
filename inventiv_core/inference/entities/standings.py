"""Who may use what is not for everybody, as a process knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from inventiv_core.identity.access import Actor
from inventiv_core.identity.entities.users import Plan
from inventiv_core.models.entities import NO_STANDING, Standing

MOST_STANDINGS: Final = 100_000
"""How many a process keeps in memory."""

_TRUSTED: Final = Standing(plan=Plan.SUBSCRIBER, is_solvent=True)


@dataclass(frozen=True, slots=True)
class Standings:
    """How workspaces stand: all that have subscribed, or have something in their wallet."""

    known: Mapping[UUID, Standing] = field(default_factory=dict[UUID, Standing])

    def of(self, actor: Actor) -> Standing:
        """Return how the workspace stands that the actor is in.

        If there are more than are kept in memory, who is not among them is trusted: rather
        serve somebody who does not pay, and owes it, than refuse somebody who does.
        """
        if not self.known:
            return NO_STANDING
        unknown = NO_STANDING if len(self.known) < MOST_STANDINGS else _TRUSTED
        payer = actor.organization_id or actor.user_id
        return unknown if payer is None else self.known.get(payer, unknown)
