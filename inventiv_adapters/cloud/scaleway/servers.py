"""The servers of one project: looked up, switched on, given up."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from inventiv_adapters.cloud.scaleway.api import (
    Failure,
    Nothing,
    NotThere,
    Rejected,
    ScalewayApi,
    Wanted,
)
from inventiv_adapters.cloud.scaleway.choices import ScalewayChoices
from inventiv_adapters.cloud.scaleway.disks import BLOCK, LOCAL, Disks
from inventiv_adapters.cloud.scaleway.wire import LocalImages, OneServer, Server, Servers, tag_of
from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    ActionOutcome,
    Machine,
    RefusalReason,
    Trouble,
    Unknown,
)

Answer = TypeVar("Answer")

_ZONE: Final = re.compile(r"[a-z]{2}-[a-z]{3}-[1-9]")
_AT_ONCE: Final = 4
"""Zones that are asked at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the id of a machine names: a server, or a disk that has outlived its server."""

    id: str
    disk: str | None
    """Which kind of disk; ``None`` for a server."""

    @classmethod
    def read(cls, machine_id: str, *, zone: str) -> "Part | None":
        """Return what is meant; ``None`` if nothing of ours can have that name there."""
        kind, colon, rest = machine_id.partition(":")
        name = rest if colon else machine_id
        if not is_zone(zone) or not is_id(name) or (colon and kind not in {BLOCK, LOCAL}):
            return None
        return cls(id=name, disk=kind if colon else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project, with one key."""

    api: ScalewayApi
    id: str
    choices: ScalewayChoices

    def disks(self, zone: str) -> Disks:
        """Return the disks of the project in a zone."""
        return Disks(api=self.api, project_id=self.id, zone=zone, poll_s=self.choices.poll_s)

    async def image(self, zone: str, instance_type: str) -> str | Failure:
        """Return the id of the image in a zone, on Block Storage if it can be.

        ``GET /marketplace/v2/local-images``
        (https://www.scaleway.com/en/developers/api/marketplace/).
        """
        if is_id(self.choices.image):
            return self.choices.image
        for kind in ("instance_sbs", "instance_local"):
            pages = await self.api.pages(
                Wanted(
                    method="GET",
                    path="/marketplace/v2/local-images",
                    params={"image_label": self.choices.image, "zone": zone, "type": kind},
                ),
                LocalImages,
                size_name="page_size",
                size_of=lambda page: len(page.local_images),
            )
            if not isinstance(pages, list):
                return pages
            for page in pages:
                for image in page.local_images:
                    if instance_type in image.compatible_commercial_types:
                        return image.id
        detail = f"{zone} has no image {self.choices.image} for {instance_type}."
        return Rejected(reason=RefusalReason.INVALID, detail=detail)

    async def tagged(
        self, tags: list[str], zone: str, *, with_disks: bool = False
    ) -> list[Machine] | Trouble:
        """Return what has these tags, oldest first: servers, and disks that have outlived theirs.

        Disks are asked for where there is no server, or ``with_disks``; the disk of a
        machine whose server is still there is no machine.
        """
        servers = await self._servers(tags, zone)
        if not isinstance(servers, list) or (servers and not with_disks):
            return servers
        disks = await self.disks(zone).left(tags)
        if not isinstance(disks, list):
            return trouble(disks)
        owners = {machine.tag for machine in servers}
        left = [disk for disk in disks if disk.tag not in owners]
        return sorted([*servers, *left], key=lambda machine: (machine.created_at, machine.id))

    async def _servers(self, tags: list[str], zone: str) -> list[Machine] | Trouble:
        pages = await self.api.pages(
            Wanted(
                method="GET",
                path=f"/instance/v1/zones/{zone}/servers",
                params={"project": self.id, "tags": ",".join(tags)},
            ),
            Servers,
            size_name="per_page",
            size_of=lambda page: len(page.servers),
        )
        if not isinstance(pages, list):
            return trouble(pages)
        found = {
            server.id: server.machine(tag, zone=zone)  # pages that shift repeat some
            for page in pages
            for server in page.servers
            if set(tags) <= set(server.tags) and (tag := tag_of(server.tags)) is not None
        }
        return sorted(found.values(), key=lambda machine: (machine.created_at, machine.id))

    async def look(self, server_id: str, zone: str) -> Server | Failure:
        """Return a server as it is now."""
        path = f"/instance/v1/zones/{zone}/servers/{server_id}"
        answer = await self.api.ask(Wanted(method="GET", path=path), OneServer)
        return answer.server if isinstance(answer, OneServer) else answer

    async def act(self, action: str, server_id: str, zone: str) -> ActionOutcome:
        """Have something done to a server."""
        path = f"/instance/v1/zones/{zone}/servers/{server_id}/action"
        wanted = Wanted(method="POST", path=path, body={"action": action})
        return done(await self.api.ask(wanted, Nothing))

    async def everywhere(
        self, ask: Callable[[str], Awaitable[list[Answer] | Trouble]]
    ) -> list[Answer] | Trouble:
        """Ask about every zone; an answer that lacks one is none."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(zone: str) -> list[Answer] | Trouble:
            async with gate:
                return await ask(zone)

        together: list[Answer] = []
        for answer in await asyncio.gather(*map(one, self.choices.zones)):
            if not isinstance(answer, list):
                return answer
            together += answer
        return together


def is_zone(text: str) -> bool:
    """Tell whether a zone may be called that."""
    return _ZONE.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Tell whether it is an id, as Scaleway writes them."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def trouble(failure: Failure) -> Trouble:
    """Return what a failure means where neither an absence nor a refusal can be meant."""
    match failure:
        case NotThere():
            return Unknown(detail="Scaleway does not know what was asked for.")
        case Rejected(detail=detail):
            return Unknown(detail=detail)
        case other:
            return other


def done(answer: Nothing | Failure) -> ActionOutcome:
    """Return what the answer to an action means."""
    match answer:
        case Nothing():
            return Accepted()
        case NotThere():
            return Absent()
        case failure:
            return trouble(failure)
