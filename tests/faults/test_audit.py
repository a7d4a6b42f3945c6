"""An audit that could not fail would be worth nothing: whatever is doctored, it finds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from inventiv_adapters.cloud.mock.ledger import Rental, RentalState
from inventiv_core.cloud.entities import MachineTag, WorkerSetup
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId
from tests.faults.audit import (
    AT_THE_END,
    Promise,
    answers,
    callers,
    events,
    machines,
    nothing_is_left,
    orders,
    rents,
    statements,
    tenancy,
    usage,
    violations,
    wallets,
)  # fmt: skip
from tests.faults.evidence import (
    Answer,
    Balance,
    Call,
    Evidence,
    Facts,
    Frame,
    Hire,
    Record,
    Sighting,
    Spent,
    Watched,
)  # fmt: skip
from tests.faults.site import Outage

OURS, THEIRS, KIND = UUID(int=1), UUID(int=2), UUID(int=3)
ONE, OTHER = UUID(int=11), UUID(int=12)
CALL = UUID(int=21)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

CALLED = Call(
    request_id="call-1", at="api-1", organization_id=OURS, began_at=100, ended_at=101, status=200,
    has_begun=True, used=(1000, 2000, 3000),
)  # fmt: skip
RECORDED = Record(
    id=CALL, request_id="call-1", organization_id=OURS, used=(1000, 2000, 3000), is_priced=True,
    input_eur=Decimal(100), output_eur=Decimal(200),
)  # fmt: skip
RENTED = Rental(
    id="machine-1",
    tag=MachineTag(
        installation_id=UUID(int=9),
        organization_id=OrganizationId(OURS),
        instance_id=InstanceId(ONE),
    ),
    name="one",
    zone="local",
    instance_type="mock",
    setup=WorkerSetup(
        instance_id=ONE, model_id="m", control_plane_url="http://x", auth_token="",
        heartbeat_interval_s=1,
    ),
    fates=frozenset(),
    state=RentalState.DELETED,
    created_at=NOON,
    deleted_at=NOON + HOUR,
)  # fmt: skip
HIRED = Hire(
    organization_id=OURS, instance_id=ONE, instance_type_id=KIND, machine_id="machine-1",
    started_at=NOON, ended_at=NOON + HOUR, volumes_per_hour=Decimal(0),
)  # fmt: skip
ANSWERED = Answer(what="GET /instances", at="api-1", began_at=100, ended_at=101, status=200)
WATCHED = Watched(
    name="watcher", organization_id=OURS, until=8,
    frames=(Frame(position=4), Frame(position=6, ids=(ONE,)), Frame(position=8, ids=(OTHER, ONE))),
)  # fmt: skip
SEEN = Evidence(
    calls=[CALLED],
    asked={"call-1"},
    answers=[ANSWERED],
    watched=[WATCHED],
    sightings={Sighting(organization_id=OURS, kind="instance", id=ONE)},
    orders={"order-1": (OURS, ONE), "order-2": (OURS, None)},
    balances=[Balance(organization_id=OURS, wallet=Decimal("9.5"), statement=Decimal("9.5"))],
    spent=[Spent(organization_id=OURS, until=NOON + HOUR / 2, amount=Decimal(18))],
)
STORED = Facts(
    records=[RECORDED],
    charges={CALL: Decimal("0.5")},
    entries={OURS: [Decimal(10), Decimal("-0.5")]},
    wallets={OURS: Decimal("9.5")},
    events={OURS: [(5, ONE), (6, ONE), (7, OTHER), (8, ONE)]},
    instances={ONE: (OURS, "terminated"), OTHER: (OURS, "provisioning_failed")},
    owners={"instance": {ONE: OURS, OTHER: OURS}},
    hires=[HIRED],
    prices={KIND: [(NOON - HOUR, Decimal(36))]},
    rentals=[RENTED],
)
AGAIN = replace(RENTED, id="machine-2", created_at=NOON + HOUR / 2, deleted_at=NOON + 2 * HOUR)
UNTOLD = replace(WATCHED, frames=WATCHED.frames[:2])
BACK = Frame(position=5)
STANDING = replace(RENTED, state=RentalState.RUNNING, deleted_at=None)


def seen(**changes: object) -> tuple[Evidence, Facts]:
    return replace(SEEN, **changes), STORED  # type: ignore[arg-type]


def stored(**changes: object) -> tuple[Evidence, Facts]:
    return SEEN, replace(STORED, **changes)  # type: ignore[arg-type]


def called(**changes: object) -> tuple[Evidence, Facts]:
    return seen(calls=[replace(CALLED, **changes)])  # type: ignore[arg-type]


def answered(**changes: object) -> tuple[Evidence, Facts]:
    return seen(answers=[replace(ANSWERED, **changes)])  # type: ignore[arg-type]


def watched(*frames: Frame) -> tuple[Evidence, Facts]:
    return seen(watched=[replace(WATCHED, frames=frames)])


FIRST, SECOND, THIRD = WATCHED.frames
DOCTORED: dict[str, tuple[Promise, tuple[Evidence, Facts]]] = {
    "two machines at the same time": (machines, stored(rentals=[RENTED, AGAIN])),
    "a machine of nobody": (machines, stored(instances={OTHER: (OURS, "terminated")})),
    "a machine after the end": (machines, stored(rentals=[STANDING])),
    "ready without a machine": (machines, stored(instances={ONE: (OURS, "ready")})),
    "a machine is left": (nothing_is_left, stored(rentals=[STANDING])),
    "a book is open": (nothing_is_left, stored(hires=[replace(HIRED, ended_at=None)])),
    "an instance is left": (nothing_is_left, stored(instances={ONE: (OURS, "ready")})),
    "two instances for one order": (
        orders,
        stored(instances={UUID(int=number): (OURS, "ready") for number in range(11, 14)}),
    ),
    "an order that is forgotten": (orders, stored(instances={})),
    "an order of somebody else": (orders, stored(instances={ONE: (THEIRS, "ready")})),
    "a call that is lost": (usage, stored(records=[])),
    "a call that is doubled": (usage, stored(records=[RECORDED, RECORDED])),
    "a call with other tokens": (usage, stored(records=[replace(RECORDED, used=(1, 2, 3))])),
    "a call of somebody else": (
        usage,
        stored(records=[replace(RECORDED, organization_id=THEIRS)]),
    ),
    "a call that nobody has made": (usage, seen(asked=set(), calls=[])),
    "an event that is lost": (events, watched(FIRST, THIRD)),
    "an event that is not there yet": (events, watched(FIRST, SECOND)),
    "an event that comes twice": (events, watched(FIRST, SECOND, THIRD, SECOND)),
    "an event that never was": (events, watched(FIRST, replace(SECOND, ids=(OTHER,)), THIRD)),
    "events in another order": (events, watched(FIRST, SECOND, replace(THIRD, ids=(ONE, OTHER)))),
    "nothing at all": (events, watched()),
    "a reset": (events, watched(FIRST, SECOND, replace(THIRD, is_reset=True))),
    "a charge that is lost": (wallets, stored(charges={})),
    "a charge for nothing": (wallets, stored(charges={CALL: Decimal("0.5"), ONE: Decimal(1)})),
    "a wallet that does not agree": (wallets, stored(wallets={OURS: Decimal(9)})),
    "a debit that comes twice": (
        wallets,
        stored(
            entries={OURS: [Decimal(10), Decimal("-0.5"), Decimal("-0.5")]},
            wallets={OURS: Decimal(9)},
        ),
    ),
    "a statement that does not agree": (
        statements,
        seen(balances=[replace(SEEN.balances[0], statement=Decimal(9))]),
    ),
    "a machine that is not in the books": (rents, stored(rentals=[RENTED, AGAIN])),
    "a machine that was not rented": (rents, stored(rentals=[])),
    "a machine that costs too early": (
        rents,
        stored(hires=[replace(HIRED, started_at=NOON - HOUR)]),
    ),
    "a machine that ends too early": (rents, stored(hires=[replace(HIRED, ended_at=NOON)])),
    "costs that are told wrong": (
        rents,
        seen(spent=[replace(SEEN.spent[0], amount=Decimal("18.01"))]),
    ),
    "something of others": (
        tenancy,
        seen(sightings={Sighting(organization_id=THEIRS, kind="instance", id=ONE)}),
    ),
    "an event of others": (
        tenancy,
        seen(watched=[replace(WATCHED, organization_id=THEIRS)]),
    ),
    "a call that fails": (callers, called(status=503, used=None)),
    "a call that breaks off": (callers, called(used=None)),
    "a call without an answer": (callers, called(status=None, has_begun=False, used=None)),
    "a call that takes long": (callers, called(ended_at=200.0)),
    "an error of ours": (answers, answered(status=500)),
    "an outage without a reason": (answers, answered(status=503)),
    "no answer": (answers, answered(status=None)),
    "an answer that takes long": (answers, answered(ended_at=200.0)),
}


def test_what_is_in_order_is_found_in_order() -> None:
    assert violations(SEEN, STORED, AT_THE_END) == {}


@pytest.mark.parametrize("what", DOCTORED)
def test_what_is_doctored_is_found(what: str) -> None:
    promise, (evidence, facts) = DOCTORED[what]
    assert promise.__name__ in violations(evidence, facts, AT_THE_END)


def test_each_promise_can_be_broken() -> None:
    assert {promise for promise, _ in DOCTORED.values()} == set(AT_THE_END)


@pytest.mark.parametrize(
    ("what", "doctor", "is_excused"),
    [
        ("api-1", lambda: called(status=None, used=None, has_begun=False), True),
        ("api-2", lambda: called(status=None, used=None, has_begun=False), False),
        ("engines", lambda: called(status=503, used=None), True),
        ("engines", lambda: called(status=500, used=None), False),
        ("an engine", lambda: called(used=None), True),
        ("an engine", lambda: called(status=502, used=None, has_begun=False), False),
        ("postgres", lambda: called(status=503, used=None), False),
        ("postgres", lambda: answered(status=503), True),
        ("postgres", lambda: answered(status=500), False),
        ("api-2 to postgres", lambda: answered(status=503), False),
    ],
)
def test_an_outage_excuses_what_it_explains_and_nothing_else(
    what: str, doctor: Callable[[], tuple[Evidence, Facts]], *, is_excused: bool
) -> None:
    evidence, facts = doctor()
    evidence = replace(evidence, outages=[Outage(what, 99.0, 102.0)])
    found = violations(evidence, facts, (callers, answers))
    assert bool(found) is not is_excused, found
    earlier = replace(evidence, outages=[Outage(what, 10.0, 20.0)])
    assert violations(earlier, facts, (callers, answers))
