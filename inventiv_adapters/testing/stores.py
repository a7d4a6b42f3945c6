"""Test data, put where it belongs, in whatever world."""

from collections.abc import Iterable
from typing import Any, Protocol

from inventiv_adapters.testing.people import ACME, OTHER, a_membership, a_user, an_organization
from inventiv_adapters.testing.times import NOON
from inventiv_core.action_logs.entities import ActionLog
from inventiv_core.action_logs.ports import ActionLogWork
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeZone,
    Provider,
    Region,
    Zone,
)
from inventiv_core.catalog.ports import CatalogWork
from inventiv_core.finops.entities.rentals import Rental
from inventiv_core.finops.ports.costs import RentalWork
from inventiv_core.identity.entities.api_keys import ApiKey
from inventiv_core.identity.entities.invitations import Invitation
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.inference.entities.limits import Limit
from inventiv_core.inference.ports import LimitWork
from inventiv_core.instances.entities import Instance
from inventiv_core.instances.ports import InstanceWork
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import (
    Model,
    Offering,
    Share,
)
from inventiv_core.models.ports import ModelWork, OfferingWork
from inventiv_core.workbench.entities import (
    Message,
    Project,
    Run,
)
from inventiv_core.workbench.ports import WorkbenchWork
from inventiv_core.workers.entities import Worker
from inventiv_core.workers.ports import WorkerWork


class WholeWork(
    ActionLogWork,
    CatalogWork,
    IdentityWork,
    InstanceWork,
    LimitWork,
    ModelWork,
    OfferingWork,
    RentalWork,
    WorkbenchWork,
    WorkerWork,
    Protocol,
):
    """What a test may prepare."""


Thing = (
    User | ApiKey | Organization | Membership | Invitation | Provider | Region | Zone | InstanceType
    | InstanceTypeZone | Model | Offering | Share | Instance | Rental | Worker | ActionLog
    | Project | Run | Message | Limit
)  # fmt: skip


async def given(unit_of_work: UnitOfWork[Any], *things: Thing) -> None:
    """Store ``things`` through the ports, so that any world can be prepared."""
    async with unit_of_work() as work:
        for thing in things:
            await _store(thing, work)


async def _store(thing: Thing, work: WholeWork) -> None:  # noqa: C901, PLR0912 - a table
    match thing:
        case User():
            await work.users.add(thing)
        case Organization():
            await work.organizations.add(thing)
        case Membership():
            await work.organizations.add_member(thing)
        case Invitation():
            await work.invitations.add(thing)
        case ApiKey():
            await work.api_keys.add(thing)
        case Provider():
            await work.catalog.add_provider(thing)
        case Region():
            await work.catalog.add_region(thing)
        case Zone():
            await work.catalog.add_zone(thing)
        case InstanceType():
            await work.catalog.add_instance_type(thing, at=NOON)
        case InstanceTypeZone():
            await work.catalog.put_on_sale(thing)
        case Model():
            await work.models.add(thing)
        case Offering():
            await work.offerings.add(thing)
        case Share():
            await work.offerings.add_share(thing)
        case Instance():
            await work.instances.add(thing)
        case Rental():
            await work.rentals.begin(thing)
        case Project():
            await work.projects.add(thing)
        case Run():
            await work.runs.add(thing, {})
        case Message():
            await work.runs.add_message(thing)
        case Limit():
            await work.limits.put(thing)
        case Worker():
            await work.workers.put(thing)
        case ActionLog():
            await work.action_logs.put(thing)


async def given_teams(unit_of_work: UnitOfWork[Any], *more: Thing) -> None:
    """Store Alice, who owns two organizations, and then ``more``."""
    things: Iterable[Thing] = (
        a_user(),
        an_organization(id=ACME, slug="acme"),
        an_organization(id=OTHER, slug="other"),
        a_membership(organization=ACME),
        *more,
    )
    await given(unit_of_work, *things)
