"""What Scaleway's API says, as far as we read it, and what our tags on its things mean."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from inventiv_adapters.cloud.scaleway.api import Page
from inventiv_core.cloud.entities import Machine, MachineState, MachineTag, Volume

SET_UP: Final = "inventiv-set-up"
"""On servers that have everything: without it, somebody was cut off half-way."""
_OURS: Final = "inventiv"
_INSTALLATION: Final = "inventiv-installation"
_ORGANIZATION: Final = "inventiv-organization"
_INSTANCE: Final = "inventiv-instance"

_GB: Final = 1_000_000_000
_FIRST: Final = "0"
"""Where the first volume of a server is listed."""

SBS: Final = "sbs_volume"
"""A volume of the Block Storage API, rather than one that is a part of the server."""

_STATES: Final = {
    "stopped": MachineState.STOPPED,
    "stopped_in_place": MachineState.STOPPED,
    "starting": MachineState.STARTING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPING,
}


class Address(msgspec.Struct):
    """A public address."""

    address: str | None = None
    family: str = "inet"


class ServerVolume(msgspec.Struct):
    """A volume as its server knows it; the size is missing for those of Block Storage."""

    id: str
    volume_type: str
    size: int | None = None
    boot: bool = False
    name: str | None = None

    def volume(self, *, is_first: bool) -> Volume:
        """Return it as others know disks. A server starts from its first, whatever they say."""
        return Volume(
            id=self.id,
            volume_type=self.volume_type,
            size_gb=None if self.size is None else round(self.size / _GB),
            is_boot=self.boot or is_first,
            name=self.name,
        )


class Server(msgspec.Struct):
    """A server."""

    id: str
    commercial_type: str
    state: str
    creation_date: datetime
    tags: list[str] = []
    allowed_actions: list[str] = []
    volumes: dict[str, ServerVolume] = {}
    public_ip: Address | None = None
    public_ips: list[Address] = []

    @property
    def is_set_up(self) -> bool:
        """Whether it has everything it needs to start."""
        return SET_UP in self.tags

    def machine(self, tag: MachineTag, *, zone: str) -> Machine:
        """Return the server as others know machines."""
        found = [ip.address for ip in (self.public_ip, *self.public_ips) if ip and _is_v4(ip)]
        return Machine(
            id=self.id,
            zone=zone,
            instance_type=self.commercial_type,
            tag=tag,
            state=_STATES.get(self.state, MachineState.FAILED),
            ip_address=found[0] if found and self.state == "running" else None,
            created_at=self.creation_date,
            volumes=tuple(
                volume.volume(is_first=place == _FIRST) for place, volume in self.volumes.items()
            ),
        )


def _is_v4(address: Address) -> bool:
    return address.family == "inet" and bool(address.address)


class OneServer(msgspec.Struct):
    """The answer about one server."""

    server: Server


class Servers(Page, kw_only=True):
    """A page of servers."""

    servers: list[Server]


class BlockVolume(msgspec.Struct):
    """A volume of Block Storage."""

    id: str
    size: int
    status: str
    created_at: datetime
    tags: list[str] = []

    def volume(self) -> Volume:
        """Return it as others know disks."""
        size_gb = round(self.size / _GB)
        return Volume(id=self.id, volume_type="sbs_volume", size_gb=size_gb, is_boot=False)


class BlockVolumes(Page, kw_only=True):
    """A page of volumes of Block Storage."""

    volumes: list[BlockVolume]


class LocalVolume(msgspec.Struct):
    """A volume that was a part of a server."""

    id: str
    creation_date: datetime
    tags: list[str] = []
    server: msgspec.Raw | None = None
    volume_type: str = "l_ssd"
    size: int = 0

    def volume(self) -> Volume:
        """Return it as others know disks."""
        size_gb = round(self.size / _GB)
        return Volume(id=self.id, volume_type=self.volume_type, size_gb=size_gb, is_boot=False)


class LocalVolumes(Page, kw_only=True):
    """A page of such volumes."""

    volumes: list[LocalVolume]


class Group(msgspec.Struct):
    """A security group."""

    id: str
    tags: list[str] = []


class OneGroup(msgspec.Struct):
    """The answer about one security group."""

    security_group: Group


class Groups(Page, kw_only=True):
    """A page of security groups."""

    security_groups: list[Group]


class LocalImage(msgspec.Struct):
    """An image, in one zone."""

    id: str
    compatible_commercial_types: list[str] = []


class LocalImages(Page, kw_only=True):
    """A page of images."""

    local_images: list[LocalImage]


class GpuInfo(msgspec.Struct):
    """What kind of GPU."""

    gpu_memory: int = 0


class Network(msgspec.Struct):
    """How fast its network is, in bits per second."""

    sum_internet_bandwidth: int | None = None


class Product(msgspec.Struct):
    """A type of server; memory is in bytes."""

    ncpus: int
    ram: int
    hourly_price: Decimal | None = None
    gpu: int | None = None
    gpu_info: GpuInfo | None = None
    network: Network | None = None
    end_of_service: bool = False


class Products(Page, kw_only=True):
    """A page of types, by name."""

    servers: dict[str, Product]


class Stock(msgspec.Struct):
    """Whether there are any left: ``available``, ``scarce`` or ``shortage``."""

    availability: str


class Stocks(Page, kw_only=True):
    """A page of that, by name."""

    servers: dict[str, Stock]


def tags_of(tag: MachineTag) -> list[str]:
    """Return what is written on everything that is rented for a machine."""
    return [
        *installation_tags(tag.installation_id),
        f"{_ORGANIZATION}={tag.organization_id}",
        f"{_INSTANCE}={tag.instance_id}",
    ]


def installation_tags(installation_id: UUID) -> list[str]:
    """Return what is written on everything of an installation."""
    return [_OURS, f"{_INSTALLATION}={installation_id}"]


def group_tags(tag: MachineTag) -> list[str]:
    """Return what is written on the security group of an organization."""
    return [*installation_tags(tag.installation_id), f"{_ORGANIZATION}={tag.organization_id}"]


def tag_of(tags: list[str]) -> MachineTag | None:
    """Read what is written; ``None`` if we did not write it, or not for a machine."""
    words = dict(tag.split("=", 1) for tag in tags if "=" in tag)
    try:
        return MachineTag(
            installation_id=UUID(words[_INSTALLATION]),
            organization_id=UUID(words[_ORGANIZATION]),
            instance_id=UUID(words[_INSTANCE]),
        )
    except (KeyError, ValueError):
        return None
