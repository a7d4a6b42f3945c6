"""Models as people look at them, and where they can run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.money import ZERO_EUR, Eur
from inventiv_core.kernel.pagination import MAX_INTEGER, Key
from inventiv_core.models.entities import (
    AccessPolicy,
    ModelId,
    OfferingId,
    Price,
    ShareId,
    ShareStatus,
    Standing,
    Visibility,
)
from inventiv_core.models.sizing.formats import WeightsDtype
from inventiv_core.models.sizing.memory import Demand
from inventiv_core.models.sizing.quantities import Term
from inventiv_core.models.sizing.verdict import Verdict


class ModelOrder(StrEnum):
    """How to sort a list of models; ties are broken by id."""

    NAME = "name"
    MODEL_ID = "model_id"
    REQUIRED_VRAM_GB = "required_vram_gb"
    CONTEXT_LENGTH = "context_length"
    DATA_VOLUME_GB = "data_volume_gb"
    IS_ACTIVE = "is_active"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


MODEL_KEYS: Final = (
    Key(name="name"),
    Key(name="model_id"),
    Key(name="required_vram_gb", kind=int),
    Key(name="context_length", kind=int),
    Key(name="data_volume_gb", kind=int, missing=MAX_INTEGER),
    Key(name="is_active", kind=bool),
    Key(name="created_at", kind=datetime),
    Key(name="updated_at", kind=datetime),
)
"""What a search may be sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """Which models to search for; ``None`` leaves it open."""

    needle: str | None = None
    """What the name or the public name contains."""
    is_active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance type, as far as it matters to a model."""

    id: UUID
    provider_id: UUID
    provider_code: str
    code: str
    name: str
    gpu_count: int
    vram_per_gpu_gb: int
    """Decimal gigabytes."""
    cost_per_hour: Eur | None
    zones: tuple[str, ...]
    """The codes of the zones where it is on sale, sorted."""

    @property
    def vram_gb(self) -> int:
        """GPU memory of the whole machine, in decimal gigabytes."""
        return self.gpu_count * self.vram_per_gpu_gb

    @property
    def price_rank(self) -> tuple[bool, Eur, str, UUID]:
        """Sort the cheapest first, and what has no price last."""
        price = self.cost_per_hour
        return (price is None, ZERO_EUR if price is None else price, self.code, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFit:
    """Whether a model can be served on one machine."""

    machine: Machine
    verdict: Verdict
    is_deployable: bool
    """Whether a deployment would be accepted, by the memory that the catalog says it requires."""


class FitMethod(StrEnum):
    """What an estimate was made from."""

    ARCHITECTURE = "architecture"
    REQUIRED_VRAM = "required_vram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Where a model can be served: what fits first, the cheapest first."""

    method: FitMethod
    sentence: str
    """What the estimate was made from, for people."""
    demand: Demand
    weights: WeightsDtype | None
    """As they are in memory; ``None`` when nothing is known of them."""
    terms: tuple[Term, ...]
    """What is true of the model on whatever machine."""
    machines: tuple[MachineFit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeAdvice:
    """How large a data volume a machine should have for a model, in decimal gigabytes."""

    model_id: str
    model_name: str
    recommended_data_volume_gb: int
    default_gb: int
    stored_data_volume_gb: int | None


OFFERING_KEYS: Final = (
    Key(name="code"),
    Key(name="name"),
    Key(name="created_at", kind=datetime),
    Key(name="updated_at", kind=datetime),
)
"""What a search of offerings may be sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingFilter:
    """Which offerings to search for; ``None`` leaves it open."""

    needle: str | None = None
    """What the name, the code or the public name of the model contains."""
    is_active: bool | None = None
    visibility: Visibility | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingRow:
    """An offering, as the organization that has it looks at it."""

    id: OfferingId
    slug: str
    """The organization's."""
    code: str
    name: str
    description: str | None
    catalog_model_id: ModelId
    model_id: str
    """The public name of the model."""
    is_active: bool
    visibility: Visibility
    price: Price | None
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime
    share_count: int
    """Organizations it is shared with, whether or not the share holds at this moment."""
    access_policy: AccessPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    """A share, as the organization that grants it looks at it."""

    id: ShareId
    offering_id: OfferingId
    consumer_organization_id: OrganizationId
    organization_slug: str
    """The consumer's."""
    organization_name: str
    status: ShareStatus
    price: Price | None
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Channel(StrEnum):
    """Through what somebody may use a model. The earlier ones come before the later ones."""

    OWN = "own"
    """The organization's own machines answer: that costs nothing more."""
    SHARE = "share"
    OFFERING = "offering"
    """It is published."""


_RANKS: Final = {channel: rank for rank, channel in enumerate(Channel)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """An active model of the catalog: every organization may serve it to itself."""

    id: ModelId
    model_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """That somebody may use a model: through what, whose machines answer, at what price."""

    channel: Channel
    consumer_organization_id: OrganizationId | None
    """Who may; ``None`` is everybody."""
    provider_organization_id: OrganizationId
    """Whose machines answer."""
    provider_slug: str | None
    """``None`` when it is asked for by the model's own name; then there is no offering, either."""
    code: str | None
    offering_id: OfferingId | None
    share_id: ShareId | None
    name: str
    """For people."""
    model_id: str
    """The public name of the model, as engines know it."""
    price: Price | None
    """``None`` when it costs nothing: what is one's own."""
    starts_at: datetime | None
    ends_at: datetime | None
    access_policy: AccessPolicy = AccessPolicy.FREE
    """What it takes beside; nothing, for what is one's own."""

    @property
    def public_name(self) -> str:
        """What programs say."""
        return self.model_id if self.code is None else f"{self.provider_slug}/{self.code}"

    def holds(self, at: datetime) -> bool:
        """Tell whether it is in force at that moment."""
        has_begun = self.starts_at is None or self.starts_at <= at
        return has_begun and (self.ends_at is None or at < self.ends_at)

    @classmethod
    def to_itself(cls, model: NamedModel, organization_id: OrganizationId) -> Self:
        """Return what every organization has of a model of the catalog."""
        return cls(
            channel=Channel.OWN,
            consumer_organization_id=organization_id,
            provider_organization_id=organization_id,
            provider_slug=None,
            code=None,
            offering_id=None,
            share_id=None,
            name=model.name,
            model_id=model.model_id,
            price=None,
            starts_at=None,
            ends_at=None,
        )


class GrantTable:
    """Who may use what, in memory: the one place that decides it.

    A name of the catalog, or the id of a model, means the caller's own machines, and nothing
    else: no organization can make an offering that is taken for a model of the catalog. Any
    other name is ``slug/code``: of what allows it, one's own comes before a share, and a
    share, whatever it costs, before what is published.
    """

    def __init__(self, models: Iterable[NamedModel], grants: Iterable[Grant]) -> None:
        """Take active models, and grants, of everybody or of one caller."""
        self._own: dict[OrganizationId, dict[str, Grant]] = {}
        """Made when they are asked for: the same for all calls while the table holds."""
        self._models: dict[str, NamedModel] = {}
        for model in models:
            self._models[str(model.id)] = model
            self._models[model.model_id] = model
        self._grants: dict[str, list[Grant]] = {}
        for grant in sorted(grants, key=_rank):
            if grant.public_name not in self._models:
                self._grants.setdefault(grant.public_name, []).append(grant)

    def resolve(self, name: str, *, caller: OrganizationId | None, at: datetime) -> Grant | None:
        """Return what lets the caller use what is called so; ``None`` if nothing does.

        ``caller`` is the workspace; ``None`` is a personal one, which has no machines.
        """
        model = self._models.get(name) or self._models.get(name.lower())
        if model is not None:
            return None if caller is None else self._to_itself(model, caller)
        for grant in self._grants.get(name, ()):
            if grant.consumer_organization_id in {None, caller} and grant.holds(at):
                return grant
        return None

    def _to_itself(self, model: NamedModel, caller: OrganizationId) -> Grant:
        own = self._own.get(caller)
        if own is None:
            own = self._own[caller] = {}
        grant = own.get(model.model_id)
        if grant is None:
            grant = own[model.model_id] = Grant.to_itself(model, caller)
        return grant

    def usable(
        self, *, caller: OrganizationId | None, at: datetime, standing: Standing
    ) -> Sequence[Grant]:
        """Return everything the caller may use, one grant for each name, sorted by name."""
        names = [*{model.model_id for model in self._models.values()}, *self._grants]
        found = (self.resolve(name, caller=caller, at=at) for name in sorted(names))
        return [
            grant for grant in found if grant is not None and standing.admits(grant.access_policy)
        ]


def _rank(grant: Grant) -> int:
    return _RANKS[grant.channel]
