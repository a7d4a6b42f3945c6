"""What was seen from outside, and what is stored: the two that an audit compares.

Times are seconds of the wall clock since 1970, unless they are dates.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from inventiv_adapters.cloud.mock.ledger import Rental
from tests import postgres
from tests.faults.site import Outage, Site


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call to a model, as its caller saw it."""

    request_id: str
    at: str
    """The process that was asked."""
    organization_id: UUID
    began_at: float
    ended_at: float
    status: int | None
    """``None`` without an answer."""
    has_begun: bool
    """Whether a byte of the answer came."""
    used: tuple[int, int, int] | None
    """Tokens of input and output, and all, as the answer told; ``None`` if it was not whole."""
    story: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the caller has the whole answer."""
        return self.used is not None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a request that was no call to a model."""

    what: str
    at: str
    began_at: float
    ended_at: float
    status: int | None
    story: str = ""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What came to somebody who watches: all they know then is up to that number."""

    position: int
    ids: tuple[UUID, ...] = ()
    is_reset: bool = False


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What came to one who watches an organization, after a frame that was known before."""

    name: str
    organization_id: UUID
    frames: tuple[Frame, ...]
    until: int
    """How far they must have come."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """Something that was shown to somebody."""

    organization_id: UUID
    """Whose reader it was."""
    kind: str
    id: UUID


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What is said of a wallet."""

    organization_id: UUID
    wallet: Decimal
    statement: Decimal


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What an organization is told that it has spent on machines until an instant."""

    organization_id: UUID
    until: datetime
    amount: Decimal


@dataclass(kw_only=True)
class Evidence:
    """All that was seen."""

    calls: list[Call] = field(default_factory=list[Call])
    asked: set[str] = field(default_factory=set[str])
    """The ids of all calls that were ever begun."""
    answers: list[Answer] = field(default_factory=list[Answer])
    watched: list[Watched] = field(default_factory=list[Watched])
    sightings: set[Sighting] = field(default_factory=set[Sighting])
    orders: dict[str, tuple[UUID, UUID | None]] = field(
        default_factory=dict[str, tuple[UUID, UUID | None]]
    )
    """What was ordered, by idempotency key: whose it is, and which instance the answer named."""
    balances: list[Balance] = field(default_factory=list[Balance])
    spent: list[Spent] = field(default_factory=list[Spent])
    outages: list[Outage] = field(default_factory=list[Outage])


@dataclass(frozen=True, kw_only=True)
class Record:
    """A stored call."""

    id: UUID
    request_id: str
    organization_id: UUID | None
    used: tuple[int | None, int | None, int | None]
    is_priced: bool
    input_eur: Decimal
    output_eur: Decimal
    """What a million of tokens cost."""


@dataclass(frozen=True, kw_only=True)
class Hire:
    """A machine in the books."""

    organization_id: UUID
    instance_id: UUID
    instance_type_id: UUID
    machine_id: str
    started_at: datetime
    ended_at: datetime | None
    volumes_per_hour: Decimal


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is stored, here and at the provider."""

    records: list[Record]
    charges: dict[UUID, Decimal]
    """What was charged, by record."""
    entries: dict[UUID, list[Decimal]]
    """What went into and out of the wallet of each organization, in order."""
    wallets: dict[UUID, Decimal]
    events: dict[UUID, list[tuple[int, UUID]]]
    """The number and the instance of each change, by organization."""
    instances: dict[UUID, tuple[UUID, str]]
    """Whose each instance is, and its status."""
    owners: dict[str, dict[UUID, UUID]]
    """Whose each thing is, by kind."""
    hires: list[Hire]
    prices: dict[UUID, list[tuple[datetime, Decimal]]]
    """From when each type of machine has cost what in an hour, oldest first."""
    rentals: list[Rental]


_RECORDS = """
    SELECT id, request_id, organization_id, input_tokens, output_tokens, total_tokens,
           price IS NOT NULL,
           COALESCE((price ->> 'input_per_1m_tokens_eur')::numeric, 0),
           COALESCE((price ->> 'output_per_1m_tokens_eur')::numeric, 0)
    FROM inference_usage
"""
_CHARGES = "SELECT request_id, amount_eur FROM token_charges"
_ENTRIES = """
    SELECT organization_id, amount_eur FROM wallet_entries
    WHERE organization_id IS NOT NULL ORDER BY seq
"""
_WALLETS = "SELECT id, wallet_balance_eur FROM organizations"
_EVENTS = """
    SELECT organization_id, sequence, (payload ->> 'instance_id')::uuid FROM outbox
    WHERE name = 'InstanceChanged' AND sequence IS NOT NULL ORDER BY sequence
"""
_NEWEST = "SELECT COALESCE(max(sequence), 0) FROM outbox"
_INSTANCES = "SELECT id, organization_id, status FROM instances"
_OWNERS = """
    SELECT 'instance', id, organization_id FROM instances
    UNION ALL SELECT 'action', id, organization_id FROM action_logs
    UNION ALL SELECT 'key', id, organization_id FROM api_keys
"""
_HIRES = """
    SELECT organization_id, instance_id, instance_type_id, machine_id, started_at, ended_at,
           volumes_per_hour
    FROM rentals
"""
_PRICES = """
    SELECT instance_type_id, valid_from, COALESCE(cost_per_hour, 0) FROM instance_type_prices
    ORDER BY valid_from
"""


def facts(site: Site) -> Facts:
    """Read all that is stored now."""
    records, charges, posted, wallets, changes, instances, owned, hires, priced = postgres.snapshot(
        site.database_url, _RECORDS, _CHARGES, _ENTRIES, _WALLETS, _EVENTS, _INSTANCES, _OWNERS,
        _HIRES, _PRICES,
    )  # fmt: skip
    entries: defaultdict[UUID, list[Decimal]] = defaultdict(list)
    for owner, amount in posted:
        entries[owner].append(amount)
    events: defaultdict[UUID, list[tuple[int, UUID]]] = defaultdict(list)
    for owner, number, instance_id in changes:
        events[owner].append((number, instance_id))
    owners: defaultdict[str, dict[UUID, UUID]] = defaultdict(dict)
    for kind, number, owner in owned:
        owners[kind][number] = owner
    prices: defaultdict[UUID, list[tuple[datetime, Decimal]]] = defaultdict(list)
    for type_id, since, price in priced:
        prices[type_id].append((since, price))
    return Facts(
        records=[
            Record(
                id=row[0], request_id=row[1], organization_id=row[2], used=(row[3], row[4], row[5]),
                is_priced=row[6], input_eur=row[7], output_eur=row[8],
            )
            for row in records
        ],
        charges=dict(charges),
        entries=dict(entries),
        wallets=dict(wallets),
        events=dict(events),
        instances={row[0]: (row[1], row[2]) for row in instances},
        owners=dict(owners),
        hires=[
            Hire(
                organization_id=row[0], instance_id=row[1], instance_type_id=row[2],
                machine_id=row[3], started_at=row[4], ended_at=row[5], volumes_per_hour=row[6],
            )
            for row in hires
        ],
        prices=dict(prices),
        rentals=site.cloud.rentals(),
    )  # fmt: skip


def newest(site: Site) -> int:
    """Return the number of the last event there is."""
    [(last,)] = postgres.rows(site.database_url, _NEWEST)
    return int(last)
