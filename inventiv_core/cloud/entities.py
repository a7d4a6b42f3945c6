"""Machines at a provider, and what a provider may answer.

An answer is a value, not an exception and not a boolean: a caller must say what
it does about each. Only `Absent` means that a machine is not there; everything
a provider might say when it is unwell is `Denied`, `Throttled` or `Unknown`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from inventiv_core.kernel.money import Eur
from inventiv_core.kernel.secrets import Secret


class MachineState(StrEnum):
    """What a provider says a machine is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineTag:
    """What we write on every machine, so that none is ever lost or rented twice."""

    installation_id: UUID
    """Whose control plane rented it: accounts may be shared."""
    organization_id: UUID
    instance_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """What the software on a machine must know to report for duty."""

    control_plane_url: str
    """Where the agent registers, such as ``http://127.0.0.1:8003``."""
    instance_id: UUID
    model_id: str
    """The model to serve, by its catalog id, such as ``Qwen/Qwen2.5-7B-Instruct``."""
    auth_token: str = field(repr=False)
    """The worker's own token. A secret: never logged, never stored in the clear by us."""
    heartbeat_interval_s: int
    engine_key: str | None = field(default=None, repr=False)
    """What the engine wants from whoever calls it; ``None``: it lets in anybody. A secret, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineNeeds:
    """What has to be put on and around a machine that comes bare."""

    engine_image: str = "vllm/vllm-openai:v0.13.0"
    """The container image of the engine: a certain version of it."""
    engine_mode: str = "mono"
    """One engine for the whole machine (``mono``), or one for each GPU (``multi``)."""
    engine_port: int = 8000
    is_reachable: bool = True
    """Whether calls to the engine are let in from outside."""
    data_volume_gb: int | None = None
    """Room for images and models, in decimal gigabytes; ``None``: what the machine has will do."""
    hub_token: Secret | None = None
    """Lets the engine fetch models that are not for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOrder:
    """A machine we want."""

    tag: MachineTag
    name: str
    """What people see in the provider's console."""
    zone: str
    """The zone's code."""
    instance_type: str
    """The instance type's code."""
    setup: WorkerSetup
    needs: MachineNeeds = field(default_factory=MachineNeeds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A disk of a machine, as its provider tells of it."""

    id: str
    """The provider's name for it."""
    volume_type: str
    """The provider's word for what kind of disk it is."""
    size_gb: int | None
    """In decimal gigabytes; ``None`` if the provider does not say."""
    is_boot: bool
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that a provider rents to us, and therefore bills.

    What is left of one, such as a disk without its server, is billed, too, and counts as one.
    """

    id: str
    """The provider's name for it."""
    zone: str
    instance_type: str
    tag: MachineTag
    state: MachineState
    ip_address: str | None
    """Where it can be reached, once the provider says so; no port, no mask."""
    created_at: datetime
    volumes: tuple[Volume, ...] = ()
    """Its disks, if the provider tells of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The provider rents us the machine, stopped or already starting."""

    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """There are such machines: at least one."""

    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """These, possibly none, are all the machines there are."""

    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider will do it; it may take a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """There is definitely no such machine at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A kind of machine that a provider rents out in one zone."""

    instance_type: str
    """Its code, as an order names it."""
    name: str
    """What people call it."""
    region: str
    zone: str
    """Codes, as the catalog has them."""
    gpu_count: int
    vram_per_gpu_gb: int
    """GPU memory of each GPU, in decimal gigabytes."""
    cpu_count: int
    ram_gb: int
    """In decimal gigabytes."""
    bandwidth_bps: int
    cost_per_hour: Eur | None
    """Euros per hour; ``None`` if the provider does not say."""
    is_available: bool
    """Whether there are any left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """These are all the offers there are."""

    offers: tuple[Offer, ...]


class RefusalReason(StrEnum):
    """Why a provider will not rent us a machine, however often we ask now."""

    OUT_OF_STOCK = "out_of_stock"
    QUOTA = "quota"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A definite no: nothing was rented, and asking again right away is pointless."""

    reason: RefusalReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Our credentials were not accepted. Says nothing about machines."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMissing:
    """A credential that the provider wants was not given: nobody was asked."""

    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """We ask too often."""

    retry_after: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No answer, or none that can be trusted: it may have happened, or not."""

    detail: str


Trouble: TypeAlias = Denied | Throttled | Unknown
CreateOutcome: TypeAlias = Created | Refused | Trouble
FindOutcome: TypeAlias = Found | Absent | Trouble
ListOutcome: TypeAlias = Listed | Trouble
OffersOutcome: TypeAlias = Offered | Trouble
ActionOutcome: TypeAlias = Accepted | Absent | Trouble
CheckOutcome: TypeAlias = Accepted | FieldMissing | Trouble
