"""Offerings on the wire. Prices are JSON numbers, in euros for a million tokens."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inventiv_core.models.entities import AccessPolicy, ModelId, Price, ShareStatus, Visibility
from inventiv_core.models.use_cases.offerings import NewOffering
from inventiv_core.models.use_cases.shares import NewShare
from inventiv_core.models.views import Channel, Grant, OfferingRow, ShareRow

Instant = Annotated[datetime, Meta(tz=True)]


class PriceBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a million tokens cost."""

    input_per_1m_tokens_eur: float
    output_per_1m_tokens_eur: float
    cached_input_per_1m_tokens_eur: float | None = None
    """Null when cached tokens cost what all others do."""

    @classmethod
    def of(cls, price: Price | None) -> Self | None:
        """Show a price."""
        if price is None:
            return None
        cached = price.cached_input_per_1m_tokens_eur
        return cls(
            input_per_1m_tokens_eur=float(price.input_per_1m_tokens_eur),
            output_per_1m_tokens_eur=float(price.output_per_1m_tokens_eur),
            cached_input_per_1m_tokens_eur=None if cached is None else float(cached),
        )

    def price(self) -> Price:
        """Return exactly the price that somebody has written."""
        cached = self.cached_input_per_1m_tokens_eur
        return Price(
            input_per_1m_tokens_eur=Decimal(repr(self.input_per_1m_tokens_eur)),
            output_per_1m_tokens_eur=Decimal(repr(self.output_per_1m_tokens_eur)),
            cached_input_per_1m_tokens_eur=None if cached is None else Decimal(repr(cached)),
        )


class PriceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT …/price``; null takes the price away."""

    price: PriceBody | None

    def wanted(self) -> Price | None:
        """Return the price that is asked for."""
        return None if self.price is None else self.price.price()


class GrantBody(msgspec.Struct, frozen=True, kw_only=True):
    """Something that one may use."""

    model: str
    """What to send as ``model``."""
    name: str
    model_id: str
    """The public name of the model that answers."""
    through: Channel
    provider_slug: str | None
    """Whose machines answer; null for the workspace's own."""
    offering_id: UUID | None
    share_id: UUID | None
    price: PriceBody | None
    """Null when it costs nothing more than the machines."""
    access_policy: AccessPolicy
    ends_at: datetime | None

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """Show a grant."""
        return cls(
            model=grant.public_name,
            name=grant.name,
            model_id=grant.model_id,
            through=grant.channel,
            provider_slug=grant.provider_slug,
            offering_id=grant.offering_id,
            share_id=grant.share_id,
            price=PriceBody.of(grant.price),
            access_policy=grant.access_policy,
            ends_at=grant.ends_at,
        )


class OfferingBody(msgspec.Struct, frozen=True, kw_only=True):
    """An offering of the organization's."""

    id: UUID
    model: str
    """What to send as ``model``: ``slug/code``."""
    code: str
    name: str
    description: str | None
    catalog_model_id: UUID
    model_id: str
    is_active: bool
    visibility: Visibility
    access_policy: AccessPolicy
    """What others need to use it."""
    price: PriceBody | None
    """Null when nobody has set one: then nobody else can use it."""
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime
    share_count: int

    @classmethod
    def of(cls, row: OfferingRow) -> Self:
        """Show an offering."""
        return cls(
            id=row.id,
            model=f"{row.slug}/{row.code}",
            code=row.code,
            name=row.name,
            description=row.description,
            catalog_model_id=row.catalog_model_id,
            model_id=row.model_id,
            is_active=row.is_active,
            visibility=row.visibility,
            access_policy=row.access_policy,
            price=PriceBody.of(row.price),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
            share_count=row.share_count,
        )


class NewOfferingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /offerings``."""

    model_id: UUID
    """The id of the model in the catalog."""
    name: str
    code: str
    description: str | None = None
    is_active: bool | None = None
    """By default, it is."""
    visibility: Visibility | None = None
    """By default, private."""
    access_policy: AccessPolicy | None = None
    """By default, free: nothing but the price."""
    price: PriceBody | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None

    def offering(self) -> NewOffering:
        """Return what is asked for."""
        return NewOffering(
            model_id=ModelId(self.model_id),
            name=self.name,
            code=self.code,
            description=self.description,
            is_active=self.is_active is not False,
            visibility=self.visibility or Visibility.PRIVATE,
            access_policy=self.access_policy or AccessPolicy.FREE,
            price=None if self.price is None else self.price.price(),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )


class OfferingChangesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /offerings/{id}``. What is absent stays; null clears what can be empty."""

    name: str | None = None
    code: str | None = None
    description: str | UnsetType | None = UNSET
    is_active: bool | None = None
    visibility: Visibility | None = None
    access_policy: AccessPolicy | None = None
    starts_at: Instant | None = None
    ends_at: Instant | UnsetType | None = UNSET

    def changes(self) -> dict[str, Any]:
        """Return the new values of the fields that change."""
        return _changes(self, nullable={"description", "ends_at"})


class ShareBody(msgspec.Struct, frozen=True, kw_only=True):
    """A share of one of the organization's offerings."""

    id: UUID
    offering_id: UUID
    organization_id: UUID
    """Who may use it."""
    organization_slug: str
    organization_name: str
    status: ShareStatus
    price: PriceBody | None
    """Null for the price of the offering."""
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: ShareRow) -> Self:
        """Show a share."""
        return cls(
            id=row.id,
            offering_id=row.offering_id,
            organization_id=row.consumer_organization_id,
            organization_slug=row.organization_slug,
            organization_name=row.organization_name,
            status=row.status,
            price=PriceBody.of(row.price),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class NewShareRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /offerings/{id}/shares``."""

    organization_slug: str
    price: PriceBody | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None

    def share(self) -> NewShare:
        """Return what is asked for."""
        return NewShare(
            organization_slug=self.organization_slug,
            price=None if self.price is None else self.price.price(),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )


class ShareChangesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /offerings/{id}/shares/{share_id}``; null clears what can be empty."""

    status: Literal["active", "paused"] | None = None
    starts_at: Instant | None = None
    ends_at: Instant | UnsetType | None = UNSET

    def changes(self) -> dict[str, Any]:
        """Return the new values of the fields that change."""
        said = _changes(self, nullable={"ends_at"})
        if "status" in said:
            said["status"] = ShareStatus(said["status"])
        return said


def _changes(said: msgspec.Struct, *, nullable: set[str]) -> dict[str, Any]:
    values = {name: getattr(said, name) for name in said.__struct_fields__}
    return {
        name: value
        for name, value in values.items()
        if value is not UNSET and (value is not None or name in nullable)
    }
