"""Machines: planned, rented, looked at, and given back."""

from dataclasses import dataclass
from types import NoneType
from typing import NotRequired, TypedDict

from inventiv_http.client.calls import Call, call
from inventiv_http.client.models import Fit
from inventiv_http.client.reading import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to deploy, in the catalog's codes."""

    provider: str
    zone: str
    type: str

    def __str__(self) -> str:
        return f"{self.provider} / {self.zone} / {self.type}"


class TimeToReady(TypedDict):
    """How long until it serves; None is not known."""

    boots: int
    p50_s: float | None
    p90_s: float | None


class Plan(TypedDict):
    """What a deployment would be; the amounts are in EUR."""

    plan_id: str
    expires_at: str
    zone: str
    instance_type: str
    price_per_hour_eur: float | None
    price_per_day_eur: float | None
    price_per_month_eur: float | None
    time_to_ready: TimeToReady
    fit: Fit


class Deployed(TypedDict):
    """The answer to a request for a machine: it is ``accepted``, and known by this id."""

    status: str
    instance_id: str
    message: NotRequired[str | None]


class Instance(TypedDict):
    """A machine, from request to archive; the names are for display, the costs in EUR."""

    id: str
    status: str
    provider_name: str
    zone: str
    instance_type: str
    model_name: str | None
    model_code: str | None
    ip_address: str | None
    error_code: str | None
    error_message: str | None
    cost_per_hour: float | None
    total_cost: float | None
    progress_percent: int
    created_at: str


class ActionLog(TypedDict):
    """Something that was done to an instance, or is being done."""

    id: str
    action_type: str
    component: str
    status: str
    error_message: str | None
    duration_ms: int | None
    created_at: str


class Fleet:
    """The machines of the current organization."""

    @call
    def plan(
        self,
        place: Place,
        *,
        model_id: str,
        context: int | None = None,
        concurrency: int = 1,
    ) -> Call[Plan]:
        """Ask what it would be to have a machine that serves this model; nothing is rented."""
        demand: Json = {"context": context, "concurrency": concurrency}
        return Call(
            method="POST",
            path="/deployments/plan",
            body=_deployment(place, model_id) | demand,
            answer=Plan,
        )

    @call
    def deploy(self, place: Place, *, model_id: str, key: str | None = None) -> Call[Deployed]:
        """Ask for a machine that serves this model.

        It is rented once for each key of yours, within a day, however often you ask. Without one,
        it is rented once for each time this is called, however often that has to be sent.
        """
        return Call(
            method="POST",
            path="/deployments",
            body=_deployment(place, model_id),
            answer=Deployed,
            takes_key=True,
            key=key,
        )

    @call
    def apply(self, plan_id: str, *, key: str | None = None) -> Call[Deployed]:
        """Ask for the machine that was planned, or be refused; keys are as with `deploy`."""
        return Call(
            method="POST",
            path="/deployments",
            body={"plan_id": plan_id},
            answer=Deployed,
            takes_key=True,
            key=key,
        )

    @call
    def instances(self, *, archived: bool = False) -> Call[list[Instance]]:
        """List the instances, newest first."""
        return Call(path="/instances", query={"archived": archived}, answer=list[Instance])

    @call
    def instance(self, instance_id: str) -> Call[Instance]:
        """Read one instance."""
        return Call(
            path="/instances/{instance_id}", ids={"instance_id": instance_id}, answer=Instance
        )

    @call
    def action_logs(
        self, instance_id: str | None = None, *, limit: int = 200
    ) -> Call[list[ActionLog]]:
        """List what was done to an instance, or to all: the newest so many, newest first."""
        return Call(
            path="/action_logs",
            query={"instance_id": instance_id, "limit": limit},
            answer=list[ActionLog],
        )

    @call
    def terminate(self, instance_id: str) -> Call[None]:
        """Ask for the end of an instance; asking again is harmless."""
        return Call(
            method="DELETE",
            path="/instances/{instance_id}",
            ids={"instance_id": instance_id},
            answer=NoneType,
        )

    @call
    def reinstall(self, instance_id: str) -> Call[None]:
        """Have the machine of an instance start anew; it is not begun twice."""
        return Call(
            method="POST",
            path="/instances/{instance_id}/reinstall",
            ids={"instance_id": instance_id},
            answer=NoneType,
        )


def _deployment(place: Place, model_id: str) -> Json:
    return {
        "provider_code": place.provider,
        "zone": place.zone,
        "instance_type": place.type,
        "model_id": model_id,
    }
