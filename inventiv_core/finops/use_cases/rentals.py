"""Beginning and ending rentals, inside the work of whoever rents."""

from collections.abc import Sequence
from datetime import datetime

from inventiv_core.finops.entities.books import differences
from inventiv_core.finops.entities.rentals import Rental, RentalId, volumes_per_hour
from inventiv_core.finops.events import InstanceCostStarted, InstanceCostStopped, StopReason
from inventiv_core.finops.ports.costs import RentalWork
from inventiv_core.instances.entities import Instance
from inventiv_core.kernel.ids import NewId


async def begin_rental(
    instance: Instance,
    machine_id: str,
    work: RentalWork,
    *,
    created_at: datetime,
    at: datetime,
    new_id: NewId,
    volumes_gb: int = 0,
) -> None:
    """Note that the provider bills a machine since ``created_at``; again is not news."""
    price = await work.cost_books.volume_price(instance.instance_type_id) if volumes_gb else None
    rental = Rental.begin(
        instance,
        machine_id,
        id=RentalId(new_id()),
        created_at=created_at,
        at=at,
        volumes_per_hour=volumes_per_hour(volumes_gb, price),
    )
    closed_until = await work.cost_books.closed_until()
    if not await work.rentals.begin(rental):
        return
    await _adjust(None, rental, work, closed_until=closed_until, at=at, new_id=new_id)
    event = InstanceCostStarted(
        event_id=new_id(),
        organization_id=instance.organization_id,
        instance_id=instance.id,
        provider_id=instance.provider_id,
        instance_type_id=instance.instance_type_id,
        provider_instance_id=machine_id,
        note=f"status={instance.status}",
        occurred_at=rental.started_at,
    )
    await work.outbox.add(event)


async def end_rentals(
    instance: Instance,
    work: RentalWork,
    *,
    reason: StopReason,
    at: datetime,
    new_id: NewId,
    machine_id: str | None = None,
) -> Sequence[Rental]:
    """Note that the provider bills the instance's machines, or one of them, no longer."""
    closed_until = await work.cost_books.closed_until()
    ended = await work.rentals.end(instance.id, machine_id=machine_id, at=at)
    for before in ended:
        after = before.end(at)
        await _adjust(before, after, work, closed_until=closed_until, at=at, new_id=new_id)
        await work.outbox.add(_stopped(instance, before.machine_id, reason, at, new_id))
    return ended


async def conclude_rentals(
    instance: Instance, work: RentalWork, *, at: datetime, new_id: NewId
) -> None:
    """Note that the instance has come to its end, with whatever was rented for it."""
    reason = StopReason.TERMINATION_CONFIRMED
    if instance.deleted_by_provider:
        reason = StopReason.PROVIDER_DELETED
    ended = await end_rentals(instance, work, reason=reason, at=at, new_id=new_id)
    if not ended and instance.provider_instance_id is None:
        event = _stopped(instance, None, StopReason.NO_PROVIDER_RESOURCE, at, new_id)
        await work.outbox.add(event)


def _stopped(
    instance: Instance,
    machine_id: str | None,
    reason: StopReason,
    at: datetime,
    new_id: NewId,
) -> InstanceCostStopped:
    return InstanceCostStopped(
        event_id=new_id(),
        organization_id=instance.organization_id,
        instance_id=instance.id,
        provider_id=instance.provider_id,
        provider_instance_id=machine_id,
        reason=reason,
        occurred_at=at,
    )


async def _adjust(
    before: Rental | None,
    after: Rental,
    work: RentalWork,
    *,
    closed_until: datetime | None,
    at: datetime,
    new_id: NewId,
) -> None:
    """Enter the difference that it makes to hours that are closed already."""
    since = after.started_at if before is None else (after.ended_at or at)
    if closed_until is None or since >= closed_until:
        return
    prices = await work.cost_books.prices(after.instance_type_id)
    found = differences(before, after, prices, closed_until=closed_until, at=at, new_id=new_id)
    await work.cost_books.adjust(list(found))
