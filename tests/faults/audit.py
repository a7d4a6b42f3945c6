"""What must hold, whatever has failed: one function for each promise, which returns what breaks it.

While load goes on, what is only late is a violation, too: whoever audits asks again for a while.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Final
from uuid import UUID

from inventiv_adapters.cloud.mock.ledger import Rental, RentalState
from tests.faults.evidence import Call, Evidence, Facts, Hire, Record, Watched

GRACE_S: Final = 5.0
"""How long after an outage others may still be told of it."""
SLOWEST_S: Final = 12.0
"""The longest anybody may wait for an answer while nothing that takes part in it is away."""
OVERLAP: Final = timedelta(seconds=3)
"""How long an instance may have two machines: until the next sweep but one."""
OVER: Final = frozenset({"terminated", "provisioning_failed", "archived"})
EVERYWHERE: Final = frozenset({"postgres", "redis"})
"""Whose outage concerns what is asked at any of our processes."""
TEMPORARY: Final = frozenset({429, 502, 503})
"""What may be answered while something is away."""

_MICRO: Final = Decimal("0.000001")
_CENT_OF_A_CENT: Final = Decimal("0.0001")

Promise = Callable[[Evidence, Facts], list[str]]


def machines(evidence: Evidence, facts: Facts) -> list[str]:
    """No machine is rented twice for an instance, or for an instance that is over, or unknown."""
    found: list[str] = []
    by_instance: defaultdict[UUID, list[Rental]] = defaultdict(list)
    for rental in facts.rentals:
        by_instance[rental.tag.instance_id].append(rental)
    for instance_id, theirs in by_instance.items():
        living = [rental for rental in theirs if rental.state is not RentalState.DELETED]
        owner, status = facts.instances.get(instance_id, (None, "unknown"))
        if owner is None:
            found.append(f"{instance_id} is not known, and {len(theirs)} machines were rented")
        if living and status in {*OVER, "unknown"}:
            found.append(f"{instance_id} is {status}, and {len(living)} machines are left")
        in_order = sorted(theirs, key=lambda rental: rental.created_at)
        for one, other in pairwise(in_order):
            if one.deleted_at is None or one.deleted_at - other.created_at > OVERLAP:
                found.append(f"{instance_id} had {one.id} and {other.id} at the same time")
    for instance_id, (_, status) in facts.instances.items():
        if status == "ready" and not _living(by_instance[instance_id]):
            found.append(f"{instance_id} is ready and has no machine")
    return found


def nothing_is_left(evidence: Evidence, facts: Facts) -> list[str]:
    """After the last termination, nothing is rented, and no book is open."""
    return [
        *(f"{each.id} is {each.state}" for each in _living(facts.rentals)),
        *(f"{each.machine_id} is in the books" for each in facts.hires if each.ended_at is None),
        *(
            f"{instance_id} is {status}"
            for instance_id, (_, status) in facts.instances.items()
            if status not in OVER
        ),
    ]


def _living(rentals: Iterable[Rental]) -> list[Rental]:
    return [rental for rental in rentals if rental.state is not RentalState.DELETED]


def orders(evidence: Evidence, facts: Facts) -> list[str]:
    """Each order that was answered is one instance of whoever ordered; nobody has any other."""
    named = {named: owner for owner, named in evidence.orders.values() if named is not None}
    found = [
        f"{instance_id} was promised, and is not there"
        for instance_id, owner in named.items()
        if facts.instances.get(instance_id, (None, ""))[0] != owner
    ]
    unanswered = Counter(owner for owner, named in evidence.orders.values() if named is None)
    unnamed = Counter(owner for each, (owner, _) in facts.instances.items() if each not in named)
    return found + [
        f"{owner} has {number} instances that it was not told of, for {unanswered[owner]} orders"
        for owner, number in unnamed.items()
        if number > unanswered[owner]
    ]


def usage(evidence: Evidence, facts: Facts) -> list[str]:
    """Each call is recorded once, with the tokens that the answer told; and nothing else is."""
    records: defaultdict[str, list[Record]] = defaultdict(list)
    for record in facts.records:
        records[record.request_id].append(record)
    found: list[str] = []
    for call in evidence.calls:
        theirs = records.get(call.request_id, [])
        if len(theirs) > 1:
            found.append(f"{call.request_id} is recorded {len(theirs)} times")
        elif not theirs and (call.is_whole or not _was_away(evidence, call)):
            found.append(f"{call.request_id} is not recorded: {call.story}")
        elif theirs and call.used is not None and theirs[0].used != call.used:
            found.append(f"{call.request_id} used {call.used}, not {theirs[0].used}")
        if theirs and theirs[0].organization_id != call.organization_id:
            found.append(f"{call.request_id} is recorded for {theirs[0].organization_id}")
    never = records.keys() - evidence.asked
    return found + [f"{request_id} is recorded, and nobody has asked" for request_id in never]


def _was_away(evidence: Evidence, call: Call) -> bool:
    """Whether the process that was asked was killed, or frozen, or cut off in that time."""
    return any(
        outage.what == call.at and outage.touches(call.began_at, call.ended_at)
        for outage in evidence.outages
    )


def events(evidence: Evidence, facts: Facts) -> list[str]:
    """Whoever watches is told each change once and in order, however often their line breaks."""
    return [story for one in evidence.watched for story in _told(one, facts)]


def _told(one: Watched, facts: Facts) -> list[str]:
    if not one.frames:
        return [f"{one.name} was never greeted"]
    theirs = facts.events.get(one.organization_id, [])
    found: list[str] = []
    known = one.frames[0].position
    for frame in one.frames[1:]:
        news = [changed for number, changed in theirs if known < number <= frame.position]
        due = tuple(dict.fromkeys(news))
        if frame.is_reset:
            found.append(f"{one.name} was told at {frame.position} to begin anew")
        elif frame.position < known:
            found.append(f"{one.name} went back from {known} to {frame.position}")
        elif frame.ids != due:
            found.append(f"{one.name} at {known} was told {frame.ids} for {due}")
        known = frame.position
    left = [number for number, _ in theirs if known < number <= one.until]
    return found + ([f"{one.name} at {known} was not told {left}"] if left else [])


def wallets(evidence: Evidence, facts: Facts) -> list[str]:
    """What is in a wallet is what went in and out, and that is what calls have cost."""
    found: list[str] = []
    costs: defaultdict[UUID | None, Decimal] = defaultdict(Decimal)
    for record in facts.records:
        cost = _cost(record)
        costs[record.organization_id] += cost
        charged = facts.charges.get(record.id, Decimal(0))
        if charged != cost:
            found.append(f"{record.request_id} was charged {charged} EUR for {cost}")
    known = {record.id for record in facts.records}
    found += [f"{each} was charged, and is no call" for each in facts.charges.keys() - known]
    for owner, entries in facts.entries.items():
        if sum(entries) != facts.wallets[owner]:
            found.append(f"{owner} has {facts.wallets[owner]} EUR, by its entries {sum(entries)}")
        spent = -sum(amount for amount in entries if amount < 0)
        if spent != costs[owner]:
            found.append(f"{owner} paid {spent} EUR for {costs[owner]}")
    return found


def _cost(record: Record) -> Decimal:
    if not record.is_priced:
        return Decimal(0)
    read, said, _ = record.used
    whole = ((read or 0) * record.input_eur + (said or 0) * record.output_eur) / 1_000_000
    return whole.quantize(_MICRO, rounding=ROUND_HALF_EVEN)


def statements(evidence: Evidence, facts: Facts) -> list[str]:
    """Once nobody calls any more, each process tells of a wallet what is in it."""
    return [
        f"{told.organization_id} is told {told.wallet} and {told.statement}, and has "
        f"{facts.wallets[told.organization_id]} EUR"
        for told in evidence.balances
        if {told.wallet, told.statement} != {facts.wallets[told.organization_id]}
    ]


def rents(evidence: Evidence, facts: Facts) -> list[str]:
    """What machines cost is their time by their price; the books have each machine, and no more."""
    found: list[str] = []
    machines = {rental.id: rental for rental in facts.rentals}
    for hire in facts.hires:
        rental = machines.get(hire.machine_id)
        if rental is None:
            found.append(f"{hire.machine_id} is in the books, and was never rented")
        elif abs(rental.created_at - hire.started_at) > timedelta(seconds=1):
            found.append(f"{hire.machine_id} costs since {hire.started_at}")
        elif hire.ended_at and rental.deleted_at and hire.ended_at < rental.deleted_at:
            found.append(f"{hire.machine_id} costs until {hire.ended_at}, too early")
    booked = {hire.machine_id for hire in facts.hires}
    found += [f"{each} is not in the books" for each in machines.keys() - booked]
    for told in evidence.spent:
        theirs = (hire for hire in facts.hires if hire.organization_id == told.organization_id)
        spent = sum((_spent(hire, facts, told.until) for hire in theirs), Decimal(0))
        if abs(spent - told.amount) > _CENT_OF_A_CENT:
            found.append(f"{told.organization_id} is told {told.amount} EUR, and spent {spent}")
    return found


def _spent(hire: Hire, facts: Facts, until: datetime) -> Decimal:
    end = min(until, hire.ended_at or until)
    spent = Decimal(0)
    prices = facts.prices.get(hire.instance_type_id, [])
    for (since, price), ends in zip(prices, [*(at for at, _ in prices[1:]), end], strict=True):
        seconds = (min(end, ends) - max(since, hire.started_at)).total_seconds()
        spent += Decimal(max(seconds, 0)) * (price + hire.volumes_per_hour) / 3600
    return spent


def tenancy(evidence: Evidence, facts: Facts) -> list[str]:
    """Whatever was shown to an organization is its own."""
    told = [
        (one.organization_id, "instance", instance_id)
        for one in evidence.watched
        for frame in one.frames
        for instance_id in frame.ids
    ]
    shown = [*((one.organization_id, one.kind, one.id) for one in evidence.sightings), *told]
    return [
        f"{organization_id} was shown the {kind} {number}, which is of {owner}"
        for organization_id, kind, number in shown
        if (owner := facts.owners.get(kind, {}).get(number)) != organization_id
    ]


def callers(evidence: Evidence, facts: Facts) -> list[str]:
    """While there is a worker, and the process that is asked is there, every call is answered."""
    found: list[str] = []
    for call in evidence.calls:
        away = {
            each.what for each in evidence.outages if each.touches(call.began_at, call.ended_at)
        }
        took_s = call.ended_at - call.began_at
        if call.at not in away and "engines" not in away:
            broke_off = call.has_begun and "an engine" in away
            if not call.is_whole and not broke_off:
                found.append(f"{call.request_id} at {call.at}: {call.status} {call.story}")
            elif took_s > SLOWEST_S:
                found.append(f"{call.request_id} at {call.at} took {took_s:.1f} s")
        elif call.status is not None and call.status not in {200, *TEMPORARY}:
            found.append(f"{call.request_id} at {call.at}: {call.status} {call.story}")
    return found


def answers(evidence: Evidence, facts: Facts) -> list[str]:
    """Whatever is asked is answered as it should be; what cannot be now is said to be so."""
    found: list[str] = []
    for answer in evidence.answers:
        concerned = {answer.at, *EVERYWHERE, f"{answer.at} to postgres", f"{answer.at} to redis"}
        is_excused = any(
            each.what in concerned
            and each.touches(answer.began_at, answer.ended_at, grace_s=GRACE_S)
            for each in evidence.outages
        )
        was_away = any(
            each.what == answer.at and each.touches(answer.began_at, answer.ended_at)
            for each in evidence.outages
        )
        story = f"{answer.what} at {answer.at}: {answer.status} {answer.story}"
        if answer.status is None:
            found += [] if was_away else [story]
        elif answer.status in TEMPORARY:
            found += [] if is_excused else [story]
        elif answer.status >= 400:
            found.append(story)
        elif answer.ended_at - answer.began_at > SLOWEST_S and not is_excused:
            found.append(f"{story}, after {answer.ended_at - answer.began_at:.1f} s")
    return found


ALWAYS: Final[tuple[Promise, ...]] = (
    machines, orders, usage, events, wallets, rents, tenancy, callers, answers,
)  # fmt: skip
AT_THE_END: Final[tuple[Promise, ...]] = (*ALWAYS, statements, nothing_is_left)


def violations(
    evidence: Evidence, facts: Facts, promises: Iterable[Promise] = ALWAYS
) -> dict[str, list[str]]:
    """Return what breaks which promise."""
    found = {promise.__name__: promise(evidence, facts) for promise in promises}
    return {name: stories for name, stories in found.items() if stories}
