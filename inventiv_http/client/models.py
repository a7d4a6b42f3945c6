"""The models that can be served, where they fit, and what may be used at what price."""

from typing import TypedDict

from inventiv_http.client.calls import Call, call
from inventiv_http.client.reading import Json


class Model(TypedDict):
    """A model of the catalog; `model_id` is its public name, `id` the server's own."""

    id: str
    name: str
    model_id: str
    required_vram_gb: int
    context_length: int


class PriceOfTokens(TypedDict):
    """What a million tokens cost."""

    input_per_1m_tokens_eur: float
    output_per_1m_tokens_eur: float


class Usable(TypedDict):
    """Something that the workspace may use; `model` is what to send."""

    model: str
    name: str
    model_id: str
    through: str
    price: PriceOfTokens | None


class Term(TypedDict):
    """One line of an estimate."""

    name: str
    formula: str
    value: int
    unit: str


class MachineFit(TypedDict):
    """Whether a model fits on an instance type; the price is in EUR per hour."""

    provider_code: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cost_per_hour: float | None
    zones: list[str]
    fits: bool
    is_deployable: bool
    sentence: str | None
    max_context: int | None
    max_concurrency: int | None


class Demand(TypedDict):
    """What an estimate is for."""

    context: int
    concurrency: int


class Fit(TypedDict):
    """Where a model fits: what fits first, the cheapest first."""

    sentence: str
    demand: Demand
    terms: list[Term]
    machines: list[MachineFit]


class Models:
    """What can be served."""

    @call
    def models(self) -> Call[list[Model]]:
        """List the models that can be deployed."""
        return Call(path="/models", query={"active": True}, answer=list[Model])

    @call
    def usable(self) -> Call[list[Usable]]:
        """List what the workspace may use, through what, and at what price."""
        return Call(path="/offerings/usable", answer=list[Usable])

    @call
    def fit(
        self,
        model_id: str,
        *,
        context: int | None = None,
        concurrency: int | None = None,
        dtype: str | None = None,
        kv_dtype: str | None = None,
        utilization: str | None = None,
    ) -> Call[Fit]:
        """Ask where a model of the catalog fits, for so many sequences of so many tokens each.

        The utilization is the part of each GPU's memory to use, such as ``0.9``.
        """
        return Call(
            path="/models/{model_id}/fit",
            ids={"model_id": model_id},
            query={
                "context": context,
                "concurrency": concurrency,
                "dtype": dtype,
                "kv_dtype": kv_dtype,
                "utilization": utilization,
            },
            answer=Fit,
        )

    @call
    def fit_config(
        self,
        config: Json,
        *,
        context: int | None = None,
        concurrency: int | None = None,
        dtype: str | None = None,
        kv_dtype: str | None = None,
        utilization: str | None = None,
    ) -> Call[Fit]:
        """Ask where a model with this ``config.json`` fits."""
        demand = {
            "context": context,
            "concurrency": concurrency,
            "dtype": dtype,
            "kv_dtype": kv_dtype,
            "utilization": utilization,
        }
        said = {name: value for name, value in demand.items() if value is not None}
        return Call(method="POST", path="/models/fit", body={"config": config, **said}, answer=Fit)
