"""Where calls may go."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.secrets import Secret
from inventiv_core.models.entities import ModelId, OfferingId, Price, ShareId
from inventiv_core.models.views import Grant, NamedModel


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
    life: int = 1
    """In which life of the instance: its engine's key follows from it."""
    engine_key: Secret | None = None
    """What the engine wants from whoever calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServableModel:
    """An active model of the catalog."""

    id: UUID
    model_id: str
    name: str
    """What people call it. Not unique: who shares it cannot be asked for by it."""
    context_length: int
    """The most tokens of prompt and answer together."""

    @property
    def named(self) -> NamedModel:
        """The model, as grants know it."""
        return NamedModel(id=ModelId(self.id), model_id=self.model_id, name=self.name)


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class Target:
    """What a caller means by the name of a model, and may use."""

    name: str
    """Its public name: what keys are limited to."""
    model_id: str
    """The model's public name, as engines know it."""
    owner: OrganizationId
    """Whose machines serve it."""
    context_length: int
    offering_id: OfferingId | None = None
    """What it is offered as; ``None`` for a model of the catalog on machines of one's own."""
    share_id: ShareId | None = None
    """Through what it is shared; ``None`` when it is published, or one's own."""
    price: Price | None = None
    """What its provider takes at this moment; ``None`` for what is one's own."""

    @classmethod
    def of(cls, grant: Grant, model: ServableModel) -> Self:
        """Return what somebody who has that grant means."""
        return cls(
            name=grant.public_name,
            model_id=model.model_id,
            owner=grant.provider_organization_id,
            context_length=model.context_length,
            offering_id=grant.offering_id,
            share_id=grant.share_id,
            price=grant.price,
        )
