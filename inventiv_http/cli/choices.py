"""What a word on the command line means: which model, which instance, which machine to rent."""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from inventiv_http.cli.errors import CommandFailed, UsageWrong
from inventiv_http.cli.output import euros
from inventiv_http.client import AsyncInventiv, Instance, InstanceType, Model, Place, Zone

MOCK_MODEL = "mock-echo-model"
MOCK_PROVIDER = "mock"
MOST_CHOICES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A machine that can be rented in a zone."""

    provider: str
    zone: str
    type: InstanceType

    @property
    def vram_gb(self) -> int:
        """GPU memory of the whole machine."""
        return self.type["gpu_count"] * self.type["vram_per_gpu_gb"]

    @property
    def rank(self) -> tuple[float, str, str]:
        """Sort the cheapest first, and those without a price last."""
        return (price_rank(self.type["cost_per_hour"]), self.type["code"], self.zone)

    def __str__(self) -> str:
        price = euros(self.type["cost_per_hour"])
        return (
            f"--provider {self.provider} --zone {self.zone} --type {self.type['code']}"
            f"  ({self.vram_gb} GB of GPU memory, {price}/h)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was said about the place; None leaves it open."""

    provider: str | None = None
    zone: str | None = None
    type: str | None = None

    def allows(self, offer: Offer) -> bool:
        """Tell whether this offer is within what was said."""
        return (
            self.provider in {None, offer.provider}
            and self.zone in {None, offer.zone}
            and self.type in {None, offer.type["code"], offer.type["name"]}
        )


def price_rank(price: float | None) -> float:
    """Sort what has no price last."""
    return math.inf if price is None else price


async def offers(server: AsyncInventiv) -> list[Offer]:
    """List what can be rented, cheapest first."""
    providers, regions, zones = await asyncio.gather(
        server.providers(), server.regions(), server.zones()
    )
    sellers = {row["id"]: row["code"] for row in providers if row["is_active"]}
    sites = {row["id"]: row["provider_id"] for row in regions if row["is_active"]}
    open_zones = [zone for zone in zones if zone["is_active"] and zone["region_id"] in sites]
    on_sale = await asyncio.gather(*(_on_sale(server, zone) for zone in open_zones))
    found = (
        Offer(provider=sellers[sites[zone["region_id"]]], zone=zone["code"], type=kind)
        for zone, kinds in zip(open_zones, on_sale, strict=True)
        for kind in kinds
        if sites[zone["region_id"]] in sellers
    )
    return sorted(found, key=lambda offer: offer.rank)


async def _on_sale(server: AsyncInventiv, zone: Zone) -> list[InstanceType]:
    return await server.instance_types_in(zone["id"])


def find_model(reference: str, models: Iterable[Model]) -> Model | None:
    """Find a model by uuid, by catalog id, or by a name only one model has."""
    wanted = reference.casefold()
    for key in ("id", "model_id", "name"):
        found = [model for model in models if str(model[key]).casefold() == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            ids = "\n".join(f"  {model['model_id']}" for model in found)
            raise UsageWrong(
                sentence=f"Several models are called {reference!r}.",
                advice=f"Name one by its catalog id:\n{ids}",
            )
    return None


async def a_model(server: AsyncInventiv, reference: str) -> Model:
    """Find a model of the catalog, or say that there is none."""
    model = find_model(reference, await server.models())
    if model is None:
        raise CommandFailed(
            sentence=f"No active model is called {reference!r}.",
            advice="`inventiv models` lists them.",
        )
    return model


async def a_place(server: AsyncInventiv, model: Model, wish: Wish) -> Place:
    """Find the one place that is meant, or list the choices."""
    if wish.provider and wish.zone and wish.type:  # the server knows better than we do
        return Place(provider=wish.provider, zone=wish.zone, type=wish.type)
    everything, fit = await asyncio.gather(offers(server), server.fit(model["id"]))
    deployable = {
        (machine["provider_code"], machine["code"])
        for machine in fit["machines"]
        if machine["is_deployable"]
    }
    suitable = [
        offer
        for offer in everything
        if (offer.provider, offer.type["code"]) in deployable and _is_meant(model, offer, wish)
    ]
    meant = [offer for offer in suitable if wish.allows(offer)]
    if len(meant) == 1:
        offer = meant[0]
        return Place(provider=offer.provider, zone=offer.zone, type=offer.type["code"])
    raise _undecided(model, meant, suitable)


def _is_meant(model: Model, offer: Offer, wish: Wish) -> bool:
    """Tell whether somebody may mean that: nobody pays for the mock model without saying so."""
    is_free = model["model_id"] != MOCK_MODEL or offer.provider == MOCK_PROVIDER
    return is_free or bool(wish.provider or wish.zone or wish.type)


def _undecided(model: Model, meant: list[Offer], suitable: list[Offer]) -> CommandFailed:
    name = model["model_id"]
    if not suitable:
        return CommandFailed(
            sentence=f"Nothing on sale can hold {name}: it needs {model['required_vram_gb']} GB"
            " of GPU memory.",
            advice="`inventiv types` lists what can be rented.",
        )
    shown = meant or suitable
    listed = "\n".join(f"  {offer}" for offer in shown[:MOST_CHOICES_SHOWN])
    more = len(shown) - MOST_CHOICES_SHOWN
    return UsageWrong(
        sentence=f"{name} can be deployed in {len(meant)} ways; say which."
        if meant
        else f"{name} cannot be deployed there.",
        advice=f"The choices, cheapest first:\n{listed}" + (f"\n  … {more} more" * (more > 0)),
    )


async def an_instance(server: AsyncInventiv, reference: str) -> str:
    """Find the id of the instance that is meant, among archived ones last."""
    wanted = reference.strip().lower()
    try:
        return str(UUID(wanted))
    except ValueError:  # not a whole id: the beginning of one
        pass
    for archived in (False, True):
        rows = await server.instances(archived=archived)
        found = [row for row in rows if wanted and row["id"].startswith(wanted)]
        if len(found) == 1:
            return found[0]["id"]
        if found:
            raise _ambiguous(reference, found)
    raise CommandFailed(
        sentence=f"No instance's id begins with {reference!r}.",
        advice="`inventiv instances` lists them.",
    )


def _ambiguous(reference: str, found: list[Instance]) -> UsageWrong:
    listed = "\n".join(f"  {row['id']}  {row['status']}" for row in found[:MOST_CHOICES_SHOWN])
    return UsageWrong(
        sentence=f"{len(found)} instances' ids begin with {reference!r}.",
        advice=f"Write more of the id:\n{listed}",
    )
