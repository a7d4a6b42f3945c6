"""What can go wrong with inference."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Forbidden, Invalid, NotFound, Unavailable, Upstream


@dataclass(eq=False, kw_only=True)
class ModelNotNamed(Invalid):
    """Say which model to use: the field "model" is missing."""

    code = "missing_model"


@dataclass(eq=False, kw_only=True)
class ModelNotServed(NotFound):
    """There is no such model."""

    code = "model_not_found"

    model: str


@dataclass(eq=False, kw_only=True)
class NoReadyWorker(Unavailable):
    """No worker of your organization serves this model right now: deploy one, or wait."""

    model: str


@dataclass(eq=False, kw_only=True)
class UpstreamUnreachable(Upstream):
    """The worker could not be reached, and there was no other one to try."""

    model: str


@dataclass(eq=False, kw_only=True)
class ModelNotAllowed(Forbidden):
    """This API key may not use this model."""

    model: str
