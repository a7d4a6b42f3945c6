"""A model: the weights a machine can serve; and what organizations offer of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NewType, Self, cast
from uuid import UUID

from inventiv_core.catalog.entities import MOCK
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.differences import differing
from inventiv_core.kernel.money import Eur
from inventiv_core.models.errors import (
    ModelInvalid,
    OfferingInvalid,
    SubscriptionRequired,
    WalletEmpty,
)
from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.sizing.memory import Demand, weights_by_part
from inventiv_core.models.sizing.quantities import GB, ceil_div

ModelId = NewType("ModelId", UUID)

MOCK_MODEL = "mock-echo-model"
"""The model that simulated machines serve, and the only one they can."""

LONGEST_TEXT: Final = 255
MOST_GB: Final = 1_000_000
"""A petabyte: no model needs more, and a number mistyped is found."""
MOST_CONTEXT_TOKENS: Final = 1_000_000_000
MOST_METADATA_BYTES: Final = 16_384
MOST_METADATA_DEPTH: Final = 16

"""The data volume of a machine for a model of which nothing is known."""


class ModelActKind(StrEnum):
    """What people do to the models of the catalog."""

    MODEL_CREATED = "MODEL_CREATED"
    MODEL_UPDATED = "MODEL_UPDATED"
    MODEL_DELETED = "MODEL_DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of the catalog."""

    id: ModelId
    name: str
    model_id: str
    """Its public name, as on Hugging Face: what OpenAI clients send as ``model``."""
    required_vram_gb: int
    """GPU memory it needs to run, over all GPUs, in decimal gigabytes."""
    context_length: int
    """The most tokens of prompt and answer together."""
    is_active: bool
    data_volume_gb: int | None
    """Disk it needs, in decimal gigabytes; ``None`` when nobody has said."""
    created_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Whatever its administrators want to keep with it."""
    architecture: Architecture | None = None
    """What it is made of; ``None`` when nobody has said."""

    def validated(self) -> Self:
        """Return the model with its texts trimmed, if it is one that can be.

        Raises:
            ModelInvalid: The first field that cannot be, and what it must be.
        """
        for name in ("required_vram_gb", "data_volume_gb"):
            size_gb: int | None = getattr(self, name)
            if size_gb is not None and not 0 <= size_gb <= MOST_GB:
                raise ModelInvalid(field=name, must=f"between 0 and {MOST_GB}")
        if not 1 <= self.context_length <= MOST_CONTEXT_TOKENS:
            raise ModelInvalid(field="context_length", must=f"between 1 and {MOST_CONTEXT_TOKENS}")
        _must_be_small(self.metadata)
        return replace(
            self, name=_text("name", self.name), model_id=_text("model_id", self.model_id)
        )

    def differences(self, other: Self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values that differ, here and in ``other``; but not when it was changed."""
        return changes(self, other)

    def runs_on(self, *, provider_code: str, vram_gb: int) -> bool:
        """Tell whether the model may be deployed on a machine with so much memory on all GPUs.

        Simulated machines serve the simulated model and nothing else; on all others the GPU
        memory of all GPUs together must be what the catalog says the model requires.
        """
        if provider_code == MOCK:
            return self.model_id == MOCK_MODEL
        return vram_gb >= self.required_vram_gb


def recommended_volume_gb(model: Model, *, default_gb: int) -> int:
    """Return how large a data volume a machine should have for the model.

    What the catalog says or, else, room for the weights one and a half times, so that the next
    revision can come while a part of the last one is there, and 50 GB for the engine's image, its
    compiled kernels and logs, rounded up to tens. Without an architecture the memory that the
    model requires stands for its weights. Of what nothing is known: the default.
    """
    if model.data_volume_gb is not None:
        return model.data_volume_gb
    weights_gb = model.required_vram_gb
    if model.architecture is not None:
        sizes = weights_by_part(model.architecture, Demand(context_tokens=1), gpus=1)
        weights_gb = ceil_div(sum(sizes.values()), GB)
    if not weights_gb:
        return default_gb
    return ceil_div(ceil_div(weights_gb * 3, 2) + 50, 10) * 10


def _text(name: str, value: str) -> str:
    trimmed = value.strip()
    if not trimmed or len(trimmed) > LONGEST_TEXT or not trimmed.isprintable():
        must = f"1 to {LONGEST_TEXT} characters that can be seen"
        raise ModelInvalid(field=name, must=must)
    return trimmed


def _must_be_small(metadata: Mapping[str, Any]) -> None:
    """Raise if it takes too much room, goes too deep, or holds what cannot be stored."""
    waiting: list[tuple[object, int]] = [(metadata, 1)]
    size_bytes = 0
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, Mapping):
            inside = cast("Mapping[str, object]", value)
            waiting += [(part, depth + 1) for pair in inside.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in cast("list[object]", value)]
        else:
            size_bytes += _size_bytes(value)
        size_bytes += 2  # brackets, quotes, commas
        if depth > MOST_METADATA_DEPTH or size_bytes > MOST_METADATA_BYTES:
            must = (
                f"at most {MOST_METADATA_BYTES} bytes of JSON,"
                f" and {MOST_METADATA_DEPTH} levels deep"
            )
            raise ModelInvalid(field="metadata", must=must)


def _size_bytes(value: object) -> int:
    written = str(value)
    try:
        size_bytes = len(written.encode())
    except UnicodeEncodeError:
        size_bytes = None
    if size_bytes is None or "\0" in written:
        raise ModelInvalid(field="metadata", must="free of NUL and of halves of characters")
    return size_bytes


OfferingId = NewType("OfferingId", UUID)
ShareId = NewType("ShareId", UUID)

LONGEST_DESCRIPTION: Final = 2000
MOST_EUR: Final = Decimal(1_000_000)
"""For a million tokens: nothing costs more, and a number mistyped is found."""
PRICE_DECIMALS: Final = 6

_CODE: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_MILLION: Final = 1_000_000


class OfferingActKind(StrEnum):
    """What people do with what their organization offers."""

    OFFERING_CREATED = "OFFERING_CREATED"
    OFFERING_UPDATED = "OFFERING_UPDATED"
    OFFERING_DELETED = "OFFERING_DELETED"
    OFFERING_SHARED = "OFFERING_SHARED"
    OFFERING_SHARE_UPDATED = "OFFERING_SHARE_UPDATED"
    OFFERING_SHARE_REVOKED = "OFFERING_SHARE_REVOKED"


class Visibility(StrEnum):
    """Who finds an offering, beside the organization itself and those it is shared with."""

    PRIVATE = "private"
    """Nobody."""
    PUBLIC = "public"
    """Everybody on the platform, whoever works in a personal workspace included."""


class AccessPolicy(StrEnum):
    """What others need to use an offering. Nobody needs anything for what is their own."""

    FREE = "free"
    """Nothing: whatever is in their wallet, and on whatever plan they are."""
    SUBSCRIPTION_REQUIRED = "subscription_required"
    PAY_PER_TOKEN = "pay_per_token"  # noqa: S105 - a policy, not a password
    """Something in the wallet of the workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is asked of a workspace before it may use what others offer."""

    plan: Plan
    is_solvent: bool
    """Whether there is anything in its wallet."""

    def admit(self, policy: AccessPolicy) -> None:
        """Return if the workspace may use what is offered so.

        Raises:
            SubscriptionRequired: It takes a plan other than the free one.
            WalletEmpty: It is paid from the wallet, in which there is nothing.
        """
        if policy is AccessPolicy.SUBSCRIPTION_REQUIRED and self.plan is Plan.FREE:
            raise SubscriptionRequired
        if policy is AccessPolicy.PAY_PER_TOKEN and not self.is_solvent:
            raise WalletEmpty

    def admits(self, policy: AccessPolicy) -> bool:
        """Tell whether the workspace may use what is offered so."""
        try:
            self.admit(policy)
        except (SubscriptionRequired, WalletEmpty):
            return False
        return True


NO_STANDING: Final = Standing(plan=Plan.FREE, is_solvent=False)
"""Of whoever has neither subscribed to anything nor paid for it."""


class ShareStatus(StrEnum):
    """Whether a share holds."""

    ACTIVE = "active"
    PAUSED = "paused"
    REVOKED = "revoked"
    """For good: what is shared again gets another share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens that somebody has used."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    """Those of ``input_tokens`` that the engine had not to read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What tokens cost, by the million, in euros. Zero is a price, too."""

    input_per_1m_tokens_eur: Eur
    output_per_1m_tokens_eur: Eur
    cached_input_per_1m_tokens_eur: Eur | None = None
    """``None`` when cached tokens cost what all others do."""

    def validated(self) -> Self:
        """Return the price, if it is one that can be.

        Raises:
            OfferingInvalid: The first amount that cannot be.
        """
        for each in fields(self):
            amount: Eur | None = getattr(self, each.name)
            if amount is not None and not _is_price(amount):
                must = f"between 0 and {MOST_EUR}, with at most {PRICE_DECIMALS} decimals"
                raise OfferingInvalid(field=each.name, must=must)
        return self

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything."""
        return not any(getattr(self, each.name) for each in fields(self))

    def cost(self, usage: TokenUsage) -> Eur:
        """Return what ``usage`` costs, exactly: sums may go on from here."""
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        cached_eur = self.cached_input_per_1m_tokens_eur
        if cached_eur is None:
            cached_eur = self.input_per_1m_tokens_eur
        return (
            (usage.input_tokens - cached) * self.input_per_1m_tokens_eur
            + cached * cached_eur
            + usage.output_tokens * self.output_per_1m_tokens_eur
        ) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """A model under a name of an organization's own, for itself and for whom it chooses.

    Others can use it only once it has a price: who offers it and who prices it need not be
    the same person.
    """

    id: OfferingId
    organization_id: OrganizationId
    """Whose machines answer."""
    model_id: ModelId
    name: str
    code: str
    """Programs say ``slug/code``, with the organization's slug."""
    description: str | None
    is_active: bool
    visibility: Visibility
    price: Price | None
    """For everybody who has no price of their own; ``None`` when nobody has set one."""
    starts_at: datetime
    ends_at: datetime | None
    """From when on it is over; ``None`` if that is open."""
    created_at: datetime
    updated_at: datetime
    access_policy: AccessPolicy = AccessPolicy.FREE
    """What others need to use it, whether it is shared with them or published."""

    def validated(self) -> Self:
        """Return the offering with its texts trimmed, if it is one that can be.

        Raises:
            OfferingInvalid: The first field that cannot be, and what it must be.
        """
        code = self.code.strip()
        if not _CODE.fullmatch(code):
            must = "1 to 64 small letters, digits, dots, hyphens and underscores, no mark at an end"
            raise OfferingInvalid(field="code", must=must)
        name = self.name.strip()
        if not name or len(name) > LONGEST_TEXT or not name.isprintable():
            must = f"1 to {LONGEST_TEXT} characters that can be seen"
            raise OfferingInvalid(field="name", must=must)
        description = (self.description or "").strip() or None
        if description and (len(description) > LONGEST_DESCRIPTION or "\0" in description):
            must = f"at most {LONGEST_DESCRIPTION} characters, none of them NUL"
            raise OfferingInvalid(field="description", must=must)
        _must_last(self.starts_at, self.ends_at)
        return replace(
            self,
            code=code,
            name=name,
            description=description,
            price=None if self.price is None else self.price.validated(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """That one organization lets another use an offering."""

    id: ShareId
    offering_id: OfferingId
    organization_id: OrganizationId
    """Whose offering it is."""
    consumer_organization_id: OrganizationId
    status: ShareStatus
    price: Price | None
    """What was agreed on; ``None`` for the price of the offering."""
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def validated(self) -> Self:
        """Return the share, if it is one that can be.

        Raises:
            OfferingInvalid: The first field that cannot be, and what it must be.
        """
        _must_last(self.starts_at, self.ends_at)
        return replace(self, price=None if self.price is None else self.price.validated())


def changes(
    before: Model | Offering | Share, after: Model | Offering | Share
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values that differ, before and after; but not when it was changed."""
    names = (each.name for each in fields(before) if each.name != "updated_at")
    return differing(before, after, names)


def _must_last(starts_at: datetime, ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= starts_at:
        raise OfferingInvalid(field="ends_at", must="after starts_at")


def _is_price(amount: Eur) -> bool:
    if not amount.is_finite() or not 0 <= amount <= MOST_EUR:
        return False
    return amount == round(amount, PRICE_DECIMALS)
