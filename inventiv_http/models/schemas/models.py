"""Models on the wire. Units are in the names; prices are JSON numbers, in euros."""

from decimal import Decimal
from typing import Any, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.sizing.formats import CacheDtype, WeightsDtype
from inventiv_core.models.sizing.memory import DEFAULT_UTILIZATION
from inventiv_core.models.sizing.quantities import Term
from inventiv_core.models.use_cases.fits import Wish
from inventiv_core.models.use_cases.models import NewModel
from inventiv_core.models.views import Fit, MachineFit


class NewModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /models``."""

    name: str
    model_id: str
    """As on Hugging Face."""
    required_vram_gb: int
    context_length: int
    is_active: bool | None = None
    """By default, it is."""
    data_volume_gb: int | None = None
    metadata: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    """The model's config.json, or as much of it as is known."""

    def model(self) -> NewModel:
        """Return what is asked for."""
        return NewModel(
            name=self.name,
            model_id=self.model_id,
            required_vram_gb=self.required_vram_gb,
            context_length=self.context_length,
            is_active=self.is_active is not False,
            data_volume_gb=self.data_volume_gb,
            metadata=self.metadata or {},
            architecture=None if self.config is None else read_config(self.config),
        )


class ModelChangesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /models/{id}``. What is absent stays; null clears what can be empty."""

    name: str | None = None
    model_id: str | None = None
    required_vram_gb: int | None = None
    context_length: int | None = None
    is_active: bool | None = None
    data_volume_gb: int | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET
    """The model's config.json; null forgets what was known of its architecture."""

    def changes(self) -> dict[str, Any]:
        """Return the new values of the fields that change."""
        facts = {
            "name": self.name,
            "model_id": self.model_id,
            "required_vram_gb": self.required_vram_gb,
            "context_length": self.context_length,
            "is_active": self.is_active,
        }
        changes: dict[str, Any] = {
            field: value for field, value in facts.items() if value is not None
        }
        if self.data_volume_gb is not UNSET:
            changes["data_volume_gb"] = self.data_volume_gb
        if self.metadata is not UNSET:
            changes["metadata"] = self.metadata or {}
        if self.config is not UNSET:
            changes["architecture"] = None if self.config is None else read_config(self.config)
        return changes


class DeletedBody(msgspec.Struct, frozen=True, kw_only=True):
    """That a model is gone."""

    status: str = "ok"


class FitRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /models/fit``."""

    config: dict[str, Any]
    """The model's config.json; ``parameters`` in it may say how many there are."""
    context: int | None = None
    concurrency: int = 1
    dtype: WeightsDtype | None = None
    kv_dtype: CacheDtype = CacheDtype.BF16
    utilization: Decimal = DEFAULT_UTILIZATION

    def wish(self) -> Wish:
        """Return the demand that is asked about."""
        return Wish(
            context_tokens=self.context,
            sequences=self.concurrency,
            weights=self.dtype,
            kv_cache=self.kv_dtype,
            utilization=self.utilization,
        )


class DemandBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an estimate is for."""

    context: int
    """Tokens of prompt and answer of each sequence."""
    concurrency: int
    """Sequences at the same time."""
    dtype: WeightsDtype | None
    kv_dtype: CacheDtype
    utilization: float
    """The part of each GPU's memory that can be used."""


class MachineFitBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the model fits on one instance type."""

    instance_type_id: UUID
    provider_id: UUID
    provider_code: str
    code: str
    name: str
    gpu_count: int
    vram_per_gpu_gb: int
    cost_per_hour: float | None
    zones: tuple[str, ...]
    fits: bool
    is_deployable: bool
    """Whether a deployment would be accepted, by ``required_vram_gb``."""
    reason: str | None
    sentence: str | None
    usable_bytes_per_gpu: int | None
    max_context: int | None
    """Tokens of each sequence, at the concurrency asked for."""
    max_concurrency: int | None
    """Sequences, at the context asked for."""
    terms: tuple[Term, ...]
    """What each GPU must hold."""

    @classmethod
    def of(cls, fit: MachineFit) -> Self:
        """Show what was found."""
        machine, verdict = fit.machine, fit.verdict
        price = machine.cost_per_hour
        return cls(
            instance_type_id=machine.id,
            provider_id=machine.provider_id,
            provider_code=machine.provider_code,
            code=machine.code,
            name=machine.name,
            gpu_count=machine.gpu_count,
            vram_per_gpu_gb=machine.vram_per_gpu_gb,
            cost_per_hour=None if price is None else float(price),
            zones=machine.zones,
            fits=verdict.fits,
            is_deployable=fit.is_deployable,
            reason=verdict.reason,
            sentence=verdict.sentence,
            usable_bytes_per_gpu=verdict.usable_bytes,
            max_context=verdict.max_context_tokens,
            max_concurrency=verdict.max_sequences,
            terms=verdict.terms,
        )


class FitBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model fits: what fits first, the cheapest first."""

    method: str
    """``architecture``, or ``required_vram`` where the architecture is not known."""
    sentence: str
    demand: DemandBody
    terms: tuple[Term, ...]
    """What is true of the model on whatever machine."""
    machines: list[MachineFitBody]

    @classmethod
    def of(cls, fit: Fit) -> Self:
        """Show an estimate."""
        demand = fit.demand
        return cls(
            method=fit.method,
            sentence=fit.sentence,
            demand=DemandBody(
                context=demand.context_tokens,
                concurrency=demand.sequences,
                dtype=fit.weights,
                kv_dtype=demand.kv_cache,
                utilization=float(demand.utilization),
            ),
            terms=fit.terms,
            machines=[MachineFitBody.of(each) for each in fit.machines],
        )
