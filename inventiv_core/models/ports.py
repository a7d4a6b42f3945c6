"""What the core needs from the outside to know about models."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from inventiv_core.catalog.entities import InstanceTypeId
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.identity.ports.organizations import OrganizationRepository
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.kernel.seeding import SeedRecord
from inventiv_core.models.entities import (
    Model,
    ModelId,
    Offering,
    OfferingId,
    Share,
    ShareId,
    Standing,
)
from inventiv_core.models.views import (
    Grant,
    Machine,
    ModelFilter,
    ModelOrder,
    NamedModel,
    OfferingFilter,
    OfferingRow,
    ShareRow,
)


class ModelRepository(Protocol):
    """The models of the platform, one at a time."""

    async def add(self, model: Model) -> bool:
        """Store a model unless one of that public name is there; tell whether it was stored."""
        ...

    async def find(self, model_id: ModelId) -> Model | None:
        """Return one model, active or not; nobody takes it away before the work ends."""
        ...

    async def lock(self, model_id: ModelId) -> Model | None:
        """Return one model, active or not; nobody else changes it before the work ends."""
        ...

    async def save(self, model: Model) -> bool:
        """Store a model in place of what it was; tell whether its public name was free."""
        ...

    async def remove(self, model_id: ModelId) -> bool:
        """Forget a model unless something refers to it; tell whether nothing does."""
        ...


class ModelQueries(Protocol):
    """Models as people look at them."""

    async def list(
        self, *, only_active: bool, order: ModelOrder, descending: bool, limit: int
    ) -> Sequence[Model]:
        """List models. What is unknown comes last when ascending, first when descending."""
        ...

    async def search(self, where: ModelFilter, window: Window) -> Rows[Model]:
        """Return the models in that window of a search."""
        ...

    async def find(self, model_id: ModelId) -> Model | None:
        """Return one model, active or not."""
        ...


class MachineQueries(Protocol):
    """What models can run on."""

    async def list(self, *, limit: int) -> Sequence[Machine]:
        """List active instance types of active providers, by code, on sale somewhere or not.

        A zone counts if it and its region are active and the type is available there.
        """
        ...

    async def find(self, instance_type_id: InstanceTypeId) -> Machine | None:
        """Return one instance type, active or not."""
        ...


class ModelWork(ActWork, Protocol):
    """What one atomic piece of work on models may touch."""

    @property
    def models(self) -> ModelRepository: ...
    @property
    def seeded(self) -> SeedRecord: ...


class OfferingRepository(Protocol):
    """What organizations offer, and with whom they share it, one at a time."""

    async def add(self, offering: Offering) -> bool:
        """Store an offering unless its owner has one of that code; tell whether it was stored."""
        ...

    async def lock(self, offering_id: OfferingId, *, owner: OrganizationId) -> Offering | None:
        """Return the owner's offering; nobody else changes or shares it before the work ends."""
        ...

    async def save(self, offering: Offering) -> bool:
        """Store a locked offering in place of what it was; tell whether its code was free."""
        ...

    async def remove(self, offering_id: OfferingId, *, owner: OrganizationId) -> None:
        """Forget an offering, and how it was shared."""
        ...

    async def add_share(self, share: Share) -> bool:
        """Store a share of a locked offering; tell whether there was none with that consumer.

        Those that were revoked do not count.
        """
        ...

    async def lock_share(
        self, share_id: ShareId, *, offering_id: OfferingId, owner: OrganizationId
    ) -> Share | None:
        """Return a share of the owner's offering, unless it was revoked."""
        ...

    async def save_share(self, share: Share) -> None:
        """Store a locked share in place of what it was."""
        ...


class OfferingQueries(Protocol):
    """What is offered, and to whom. Reads only, one statement each."""

    async def search(
        self, owner: OrganizationId, where: OfferingFilter, window: Window
    ) -> Rows[OfferingRow]:
        """Return the owner's offerings in that window of a search."""
        ...

    async def find(self, offering_id: OfferingId, *, owner: OrganizationId) -> OfferingRow | None:
        """Return one of the owner's offerings."""
        ...

    async def shares(
        self,
        offering_id: OfferingId,
        *,
        owner: OrganizationId,
        only: ShareId | None = None,
        limit: int,
    ) -> Sequence[ShareRow]:
        """List how an offering of the owner's is shared, by slug; without what was revoked."""
        ...

    async def named_models(self) -> Sequence[NamedModel]:
        """Return the active models of the catalog, by public name."""
        ...

    async def grants(self, *, at: datetime) -> Sequence[Grant]:
        """Return all grants in force: what a `GrantTable` is made of, for everybody.

        An offering grants something while it and its model are active, its time has come and
        is not over, and its organization is there; to others, if it has a price for them.
        Sorted by slug, code, channel and consumer.
        """
        ...

    async def grants_of(self, caller: OrganizationId | None, *, at: datetime) -> Sequence[Grant]:
        """Return those of `grants` that concern one workspace; ``None`` is a personal one."""
        ...

    async def standings(
        self, of: Collection[UUID] | None, *, limit: int
    ) -> Mapping[UUID, Standing]:
        """Return how workspaces stand that have subscribed, or have something in their wallet.

        Those are organizations, by their id, and users in their personal workspace, by theirs;
        ``None`` is all of them, of which those with the smallest ids are returned.
        """
        ...


class OfferingWork(ActWork, Protocol):
    """What one atomic piece of work on offerings may touch."""

    @property
    def offerings(self) -> OfferingRepository: ...
    @property
    def models(self) -> ModelRepository: ...
    @property
    def organizations(self) -> OrganizationRepository: ...
