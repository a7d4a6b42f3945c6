"""What the mock cloud remembers: every machine it ever rented, in one SQLite file.

The calls block for as long as the disk takes: a coroutine runs them in a thread.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, LiteralString, Self
from uuid import UUID

import msgspec

from inventiv_adapters.cloud.mock.behaviour import FaultKind, MockBehaviour
from inventiv_core.cloud.entities import Machine, MachineState, MachineTag, Volume, WorkerSetup

if TYPE_CHECKING:
    import sqlite3

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS machines (
        number          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of rental
        id              TEXT NOT NULL UNIQUE,
        installation_id TEXT NOT NULL,
        organization_id TEXT NOT NULL,
        instance_id     TEXT NOT NULL,
        name            TEXT NOT NULL,
        zone            TEXT NOT NULL,
        instance_type   TEXT NOT NULL,
        setup           TEXT NOT NULL,                      -- JSON; its secrets go with the machine
        fates           TEXT NOT NULL,                      -- JSON
        state           TEXT NOT NULL
            CHECK (state IN ('stopped', 'starting', 'running', 'stopping', 'deleted')),
        ip_address      TEXT,
        engine_port     INTEGER,
        health_port     INTEGER,
        created_at      TEXT NOT NULL,                      -- RFC 3339, UTC
        started_at      TEXT,
        stopping_at     TEXT,
        deleted_at      TEXT
    )
"""

_INDEX: Final = """
    CREATE INDEX IF NOT EXISTS machines_living ON machines (number) WHERE state <> 'deleted'
"""

_PREPARE: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _SCHEMA, _INDEX)

_ADD: Final = """
    INSERT INTO machines
        (id, installation_id, organization_id, instance_id, name, zone, instance_type, setup,
         fates, state, created_at)
    VALUES
        (:id, :installation_id, :organization_id, :instance_id, :name, :zone, :instance_type,
         :setup, :fates, :state, :created_at)
"""

_ALL: Final = "SELECT * FROM machines ORDER BY number"

_LIVING: Final = "SELECT * FROM machines WHERE state <> 'deleted' ORDER BY number"

_WITH_TAG: Final = """
    SELECT * FROM machines
    WHERE state <> 'deleted' AND installation_id = :installation_id
      AND organization_id = :organization_id AND instance_id = :instance_id AND zone = :zone
    ORDER BY number
"""

_OF_INSTALLATION: Final = """
    SELECT * FROM machines
    WHERE state <> 'deleted' AND installation_id = :installation_id
    ORDER BY number
"""

_DOUBLES: Final = """
    SELECT instance_id FROM machines
    WHERE state <> 'deleted'
    GROUP BY instance_id HAVING count(*) > 1
    ORDER BY min(number)
"""

_STATE: Final = """
    SELECT state FROM machines WHERE id = :id AND zone = :zone AND state <> 'deleted'
"""

_START: Final = """
    UPDATE machines SET state = 'starting', started_at = :at
    WHERE id = :id AND zone = :zone AND state = 'stopped'
"""

_RESTART: Final = """
    UPDATE machines SET state = 'starting', started_at = :at, setup = :setup
    WHERE id = :id AND zone = :zone AND state IN ('stopped', 'starting', 'running')
"""

_RUN: Final = """
    UPDATE machines
    SET state = 'running', ip_address = :ip_address, engine_port = :engine_port,
        health_port = :health_port
    WHERE id = :id AND state IN ('starting', 'running')
"""

_KEEP: Final = """
    UPDATE machines SET setup = json_set(setup, '$.auth_token', :token)
    WHERE id = :id AND state <> 'deleted'
"""

_STOP: Final = """
    UPDATE machines SET state = 'stopping', stopping_at = :at
    WHERE id = :id AND zone = :zone AND state IN ('stopped', 'starting', 'running')
"""

_REMOVE: Final = """
    UPDATE machines
    SET state = 'deleted', deleted_at = :at,
        setup = json_set(setup, '$.auth_token', '', '$.engine_key', '')
    WHERE id = :id AND state <> 'deleted'
"""

_BUSY_TIMEOUT_S = 5.0
_ROOT_GB = 20
"""Every machine comes with a disk of that size, as far as its customers are told."""


class RentalState(StrEnum):
    """What a machine of the mock cloud is doing. Deleted ones are kept, for the record."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """A machine we rent out, or once did."""

    id: str
    tag: MachineTag
    name: str
    zone: str
    instance_type: str
    setup: WorkerSetup = field(repr=False)  # it holds a secret
    fates: frozenset[FaultKind]
    """What goes wrong with this machine."""
    state: RentalState
    created_at: datetime
    ip_address: str | None = None
    """Where it can be reached, from its first boot on."""
    engine_port: int | None = None
    health_port: int | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    deleted_at: datetime | None = None

    def machine(self) -> Machine:
        """Return what the provider's API shows of it. Not for deleted ones."""
        return Machine(
            id=self.id,
            zone=self.zone,
            instance_type=self.instance_type,
            tag=self.tag,
            state=MachineState(self.state),
            ip_address=self.ip_address,
            created_at=self.created_at,
            volumes=(
                Volume(id=f"{self.id}-root", volume_type="mock", size_gb=_ROOT_GB, is_boot=True),
            ),
        )


class Ledger:
    """The file ``machines.db`` in a directory of its own, for any number of processes.

    Every change is one statement, on the disk when the method returns: a process
    may be killed at any moment. Tokens are in there: only the owner may read it.
    Opened at the first call; safe in any thread.
    """

    def __init__(self, directory: Path) -> None:
        self.directory: Final = directory
        self._connection: sqlite3.Connection | None = None
        self._turn = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def rentals(self, *, include_deleted: bool = False) -> list[Rental]:
        """Return the machines, oldest first."""
        return self._rentals(_ALL if include_deleted else _LIVING)

    def with_tag(self, tag: MachineTag, *, zone: str) -> list[Rental]:
        """Return the machines with exactly this tag that are not deleted, oldest first."""
        return self._rentals(_WITH_TAG, **_columns(tag), zone=zone)

    def of_installation(self, installation_id: UUID) -> list[Rental]:
        """Return the machines of an installation that are not deleted, oldest first."""
        return self._rentals(_OF_INSTALLATION, installation_id=str(installation_id))

    def doubles(self) -> list[UUID]:
        """Return the instances that have more than one machine now: somebody paid twice."""
        return [UUID(row["instance_id"]) for row in self._fetch(_DOUBLES)]

    def add(self, rental: Rental) -> None:
        """Rent out a machine that was never started."""
        self._change(
            _ADD,
            id=rental.id,
            **_columns(rental.tag),
            name=rental.name,
            zone=rental.zone,
            instance_type=rental.instance_type,
            setup=msgspec.json.encode(rental.setup).decode(),
            fates=msgspec.json.encode(sorted(rental.fates)).decode(),
            state=rental.state,
            created_at=_text(rental.created_at),
        )

    def start(self, machine_id: str, *, zone: str, at: datetime) -> RentalState | None:
        """Start the machine if it is stopped; return its state then, `None` if there is none."""
        self._change(_START, id=machine_id, zone=zone, at=_text(at))
        return self._state(machine_id, zone=zone)

    def restart(
        self, machine_id: str, *, zone: str, setup: WorkerSetup, at: datetime
    ) -> RentalState | None:
        """Have the machine start anew; return its state then, `None` if there is none."""
        told = msgspec.json.encode(setup).decode()
        self._change(_RESTART, id=machine_id, zone=zone, setup=told, at=_text(at))
        return self._state(machine_id, zone=zone)

    def run(self, machine_id: str, *, ip_address: str, engine_port: int, health_port: int) -> bool:
        """Note where a started machine runs; return `False` if it is no longer to run."""
        return self._change(
            _RUN,
            id=machine_id,
            ip_address=ip_address,
            engine_port=engine_port,
            health_port=health_port,
        )

    def keep_token(self, machine_id: str, token: str) -> None:
        """Store the token that the machine's agent was given, as its disk would."""
        self._change(_KEEP, id=machine_id, token=token)

    def stop(self, machine_id: str, *, zone: str, at: datetime) -> RentalState | None:
        """Begin to delete the machine; return its state then, `None` if there is none."""
        self._change(_STOP, id=machine_id, zone=zone, at=_text(at))
        return self._state(machine_id, zone=zone)

    def remove(self, machine_id: str, *, at: datetime) -> None:
        """Delete the machine, and forget its secrets; what else there was is kept."""
        self._change(_REMOVE, id=machine_id, at=_text(at))

    def _state(self, machine_id: str, *, zone: str) -> RentalState | None:
        rows = self._fetch(_STATE, id=machine_id, zone=zone)
        return RentalState(rows[0]["state"]) if rows else None

    def _rentals(self, query: LiteralString, **values: object) -> list[Rental]:
        return [_rental(row) for row in self._fetch(query, **values)]

    def _fetch(self, query: LiteralString, **values: object) -> Sequence[sqlite3.Row]:
        with self._turn, closing(self._open().execute(query, values)) as cursor:
            return cursor.fetchall()

    def _change(self, statement: LiteralString, **values: object) -> bool:
        """Run a statement; return whether it changed anything."""
        with self._turn, closing(self._open().execute(statement, values)) as cursor:
            return cursor.rowcount > 0

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self.directory / "machines.db"
            file.touch(mode=0o600)  # SQLite would leave it to the umask
            # One at a time: SQLite does not wait for another that turns the same file to WAL.
            with (self.directory / "opening.lock").open("w") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                self._connection = _connect(file)
        return self._connection


def boots_at(rental: Rental, behaviour: MockBehaviour) -> datetime:
    """Return when the machine has an address: of those that were started."""
    started_at = rental.started_at or rental.created_at
    return started_at + behaviour.boot(slow=FaultKind.SLOW_BOOT in rental.fates)


def _connect(file: Path) -> sqlite3.Connection:
    import sqlite3  # noqa: PLC0415 - only for those who rent here

    connection = sqlite3.connect(
        file, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.row_factory = sqlite3.Row
        for statement in _PREPARE:
            connection.execute(statement).close()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _columns(tag: MachineTag) -> dict[str, str]:
    return {
        "installation_id": str(tag.installation_id),
        "organization_id": str(tag.organization_id),
        "instance_id": str(tag.instance_id),
    }


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def _rental(row: sqlite3.Row) -> Rental:
    columns: dict[str, Any] = {name: row[name] for name in row.keys()}  # noqa: SIM118 - not a dict
    setup, fates = columns.pop("setup"), columns.pop("fates")
    fields = {
        **columns,
        "tag": columns,
        "setup": msgspec.json.decode(setup),
        "fates": msgspec.json.decode(fates),
    }
    return msgspec.convert(fields, Rental)
