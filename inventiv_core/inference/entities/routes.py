"""Where calls may go."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId


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
    name: str
    """What people call it. Not unique: who shares it cannot be asked for by it."""
    context_length: int
    """The most tokens of prompt and answer together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a caller means by the name of a model."""

    name: str
    """Its public name: what keys are limited to."""
    model_id: str
    """The model's public name, as engines know it."""
    owner: OrganizationId
    """Whose machines serve it."""
    context_length: int
    offering_id: UUID | None = None
    """What it is offered as; ``None`` for a model of the catalog on machines of one's own."""
    price_per_1k_tokens_eur: Decimal | None = None
    """What it costs; ``None`` on machines of one's own, which are paid for by the hour."""
