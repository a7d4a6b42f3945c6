"""Where a model can be served, and why not elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from inventiv_core.catalog.entities import MOCK, InstanceTypeId, ProviderId
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.models.entities import Model, ModelId, recommended_volume_gb
from inventiv_core.models.errors import ModelNotFound
from inventiv_core.models.ports import MachineQueries, ModelQueries
from inventiv_core.models.sizing.architecture import Architecture
from inventiv_core.models.sizing.formats import CacheDtype, WeightsDtype
from inventiv_core.models.sizing.memory import DEFAULT_UTILIZATION, Demand, Gpus, model_terms
from inventiv_core.models.sizing.quantities import Term, Unit
from inventiv_core.models.sizing.verdict import Reason, Verdict, judge
from inventiv_core.models.views import (
    Fit,
    FitMethod,
    Machine,
    MachineFit,
    ModelOrder,
    VolumeAdvice,
)
from inventiv_core.settings.use_cases.effective import EffectiveSettings

USUAL_CONTEXT_TOKENS = 4096
"""The context of an estimate, where neither the caller nor the model says one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller says of the demand; ``None`` leaves it to the model."""

    context_tokens: int | None = None
    sequences: int = 1
    weights: WeightsDtype | None = None
    kv_cache: CacheDtype = CacheDtype.BF16
    utilization: Decimal = DEFAULT_UTILIZATION

    def demand(self, usual_context_tokens: int | None) -> Demand:
        """Return the demand of a model with that context."""
        usual = usual_context_tokens or USUAL_CONTEXT_TOKENS
        return Demand(
            context_tokens=usual if self.context_tokens is None else self.context_tokens,
            sequences=self.sequences,
            weights=self.weights,
            kv_cache=self.kv_cache,
            utilization=self.utilization,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModelsForType:
    """List what may be deployed on one instance type."""

    model_queries: ModelQueries
    machine_queries: MachineQueries

    async def __call__(self, type_id: InstanceTypeId, *, actor: Actor) -> Sequence[Model]:
        """Return active models by name; an unknown type can run none."""
        actor.must(Permission.VIEW_CATALOG)
        machine = await self.machine_queries.find(type_id)
        if machine is None:
            return []
        models = await self.model_queries.list(
            only_active=True, order=ModelOrder.NAME, descending=False, limit=MAX_PAGE_ROWS
        )
        return [model for model in models if _is_deployable(model, machine)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitModel:
    """Say where a model of the catalog fits."""

    model_queries: ModelQueries
    machine_queries: MachineQueries

    async def __call__(self, model_id: ModelId, wish: Wish, *, actor: Actor) -> Fit:
        """Estimate from its architecture or, without one, from the memory that it requires.

        Raises:
            ModelNotFound: There is none of that id.
            DemandInvalid: Nothing can be served like this.
        """
        actor.must(Permission.VIEW_CATALOG)
        model = await self.model_queries.find(model_id)
        if model is None:
            raise ModelNotFound(model_id=model_id)
        return fit_on(model, wish, await self.machine_queries.list(limit=MAX_PAGE_ROWS))


@dataclass(frozen=True, slots=True, kw_only=True)
class FitArchitecture:
    """Say where a model fits that is not in the catalog."""

    machine_queries: MachineQueries

    async def __call__(self, architecture: Architecture, wish: Wish, *, actor: Actor) -> Fit:
        """Estimate from its architecture.

        Raises:
            DemandInvalid: Nothing can be served like this.
        """
        actor.must(Permission.VIEW_CATALOG)
        demand = wish.demand(architecture.max_context_tokens)
        machines = await self.machine_queries.list(limit=MAX_PAGE_ROWS)
        return _by_architecture(architecture, demand, machines)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendDataVolume:
    """Say how large a data volume a machine should have for a model."""

    model_queries: ModelQueries
    effective_settings: EffectiveSettings

    async def __call__(
        self, model_id: ModelId, provider_id: ProviderId | None = None, *, actor: Actor
    ) -> VolumeAdvice:
        """Return the advice, with what it started from.

        What the actor's organization has chosen for the provider is what it starts from.

        Raises:
            ModelNotFound: There is none of that id.
        """
        actor.must(Permission.VIEW_CATALOG)
        model = await self.model_queries.find(model_id)
        if model is None:
            raise ModelNotFound(model_id=model_id)
        default_gb = await self.effective_settings.data_volume_default_gb(
            organization_id=actor.organization_id, provider_id=provider_id
        )
        return VolumeAdvice(
            model_id=model.model_id,
            model_name=model.name,
            recommended_data_volume_gb=recommended_volume_gb(model, default_gb=default_gb),
            default_gb=default_gb,
            stored_data_volume_gb=model.data_volume_gb,
        )


def fit_on(model: Model, wish: Wish, machines: Iterable[Machine]) -> Fit:
    """Return on which of the machines the model can be served.

    Raises:
        DemandInvalid: Nothing can be served like this.
    """
    demand = wish.demand(model.context_length)
    if model.architecture is None:
        return _by_required_vram(model, demand, machines)
    fit = _by_architecture(model.architecture, demand, machines)
    placed = (
        replace(each, is_deployable=_is_deployable(model, each.machine)) for each in fit.machines
    )
    return replace(fit, machines=tuple(placed))


def _is_deployable(model: Model, machine: Machine) -> bool:
    return model.runs_on(provider_code=machine.provider_code, vram_gb=machine.vram_gb)


def _by_architecture(
    architecture: Architecture, demand: Demand, machines: Iterable[Machine]
) -> Fit:
    def judged(machine: Machine) -> MachineFit:
        if machine.provider_code == MOCK:
            verdict = _SIMULATED
        else:
            gpus = Gpus(count=machine.gpu_count, memory_gb=machine.vram_per_gpu_gb)
            verdict = judge(architecture, demand, gpus)
        return _on_sale(machine, verdict, is_deployable=False)

    left_out = ", ".join(architecture.left_out)
    return Fit(
        method=FitMethod.ARCHITECTURE,
        sentence="Estimated from the model's architecture."
        + (f" Not counted: {left_out}." if left_out else ""),
        demand=demand,
        weights=demand.format_of(architecture).dtype,
        terms=model_terms(architecture, demand),
        machines=_ranked(map(judged, machines)),
    )


def _by_required_vram(model: Model, demand: Demand, machines: Iterable[Machine]) -> Fit:
    def judged(machine: Machine) -> MachineFit:
        is_deployable = _is_deployable(model, machine)
        if is_deployable:
            verdict = Verdict(reason=None, sentence=None)
        elif machine.provider_code == MOCK:
            verdict = _SIMULATED
        else:
            verdict = Verdict(
                reason=Reason.REQUIRED_VRAM_TOO_LARGE,
                sentence=f"The model requires {model.required_vram_gb} GB of GPU memory; the"
                f" machine has {machine.vram_gb} GB.",
            )
        return _on_sale(machine, verdict, is_deployable=is_deployable)

    required = Term(
        name="required_vram",
        formula="as the catalog says",
        value=model.required_vram_gb,
        unit=Unit.GB,
    )
    return Fit(
        method=FitMethod.REQUIRED_VRAM,
        sentence="The model's architecture is not known: judged by the GPU memory that the catalog"
        " says it requires, whatever the context and the concurrency.",
        demand=demand,
        weights=None,
        terms=(required,),
        machines=_ranked(map(judged, machines)),
    )


_SIMULATED = Verdict(
    reason=Reason.SIMULATED, sentence="Simulated machines serve the simulated model only."
)


def _on_sale(machine: Machine, verdict: Verdict, *, is_deployable: bool) -> MachineFit:
    if verdict.fits and not machine.zones:
        verdict = replace(
            verdict, reason=Reason.NOT_ON_SALE, sentence="It would fit, but is on sale nowhere."
        )
    return MachineFit(machine=machine, verdict=verdict, is_deployable=is_deployable)


def _ranked(fits: Iterable[MachineFit]) -> tuple[MachineFit, ...]:
    return tuple(sorted(fits, key=lambda fit: (not fit.verdict.fits, *fit.machine.price_rank)))
