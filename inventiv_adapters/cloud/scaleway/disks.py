"""The disks of servers, and what is left of them.

Volumes of Block Storage outlive their server, whatever it is deleted with
(https://github.com/scaleway/scaleway-cli/issues/4676), and go on costing money. So each gets
the tags of its machine before the server may start, is found by them, and is deleted by itself.
A resize is ``PATCH /block/v1/zones/{zone}/volumes/{id}`` with the new size in bytes
(https://www.scaleway.com/en/docs/block-storage/api-cli/increasing-volume-size/).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from inventiv_adapters.cloud.scaleway.api import (
    Failure,
    Nothing,
    NotThere,
    Rejected,
    ScalewayApi,
    Wanted,
)
from inventiv_adapters.cloud.scaleway.wire import (
    SBS,
    BlockVolume,
    BlockVolumes,
    LocalVolumes,
    Server,
    ServerVolume,
    tag_of,
    tags_of,
)
from inventiv_core.cloud.entities import Machine, MachineState, MachineTag, Unknown

_GB: Final = 1_000_000_000
BLOCK: Final = "block"
LOCAL: Final = "local"
_ROOTS: Final = {BLOCK: "block/v1", LOCAL: "instance/v1"}
_SETTLED: Final = frozenset({"available", "in_use"})
_NAME: Final = "disk"
"""What is left of a machine is no server: this is what its type is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disks:
    """The disks of one project in one zone."""

    api: ScalewayApi
    project_id: str
    zone: str
    poll_s: float

    async def label(self, volume: ServerVolume, tags: list[str]) -> Nothing | Failure:
        """Write tags on a disk."""
        kind = BLOCK if volume.volume_type == SBS else LOCAL
        path = self._path(kind, volume.id)
        return await self.api.ask(Wanted(method="PATCH", path=path, body={"tags": tags}), Nothing)

    async def label_all(self, server: Server, tags: list[str]) -> Failure | None:
        """Write tags on every disk of a server; one that has gone meanwhile needs none."""
        for volume in server.volumes.values():
            labelled = await self.label(volume, tags)
            if not isinstance(labelled, Nothing | NotThere):
                return labelled
        return None

    async def make_room(self, server: Server, tag: MachineTag, size_gb: int) -> Failure | None:
        """See to it that the server has so much room: on its root disk, or on one beside it."""
        volumes = server.volumes.values()
        roots = [volume for volume in volumes if volume.boot] or list(server.volumes.values())[:1]
        if roots and roots[0].volume_type == SBS:
            return await self._grow(roots[0].id, size_gb * _GB)
        if sum(volume.size or 0 for volume in volumes) >= size_gb * _GB:
            return None
        return await self._add(server.id, tag, size_gb * _GB)

    async def _grow(self, volume_id: str, size: int) -> Failure | None:
        """Make a volume as large as that, and see that it is."""
        volume = await self._settled(volume_id)
        if not isinstance(volume, BlockVolume):
            return volume
        if volume.size >= size:
            return None
        path = self._path(BLOCK, volume_id)
        resized = await self.api.ask(
            Wanted(method="PATCH", path=path, body={"size": size}), Nothing
        )
        if not isinstance(resized, Nothing):
            return resized
        grown = await self._settled(volume_id)
        if not isinstance(grown, BlockVolume):
            return grown
        return None if grown.size >= size else Unknown(detail="The disk did not grow.")

    async def _add(self, server_id: str, tag: MachineTag, size: int) -> Failure | None:
        """Attach a new volume."""
        made = await self.api.ask(
            Wanted(
                method="POST",
                path=f"/block/v1/zones/{self.zone}/volumes",
                body={
                    "name": f"inventiv-data-{tag.instance_id}",
                    "project_id": self.project_id,
                    "from_empty": {"size": size},
                    "tags": tags_of(tag),
                },
            ),
            BlockVolume,
        )
        if not isinstance(made, BlockVolume):
            return made
        volume = await self._settled(made.id)
        if not isinstance(volume, BlockVolume):
            return volume
        attached = await self.api.ask(
            Wanted(
                method="POST",
                path=f"/instance/v1/zones/{self.zone}/servers/{server_id}/attach-volume",
                body={"volume_id": volume.id, "volume_type": SBS, "boot": False},
            ),
            Nothing,
        )
        return None if isinstance(attached, Nothing) else attached

    async def _settled(self, volume_id: str) -> BlockVolume | Failure:
        """Return the volume once nothing is being done to it. Whoever calls has a deadline."""
        while True:
            path = self._path(BLOCK, volume_id)
            volume = await self.api.ask(Wanted(method="GET", path=path), BlockVolume)
            if not isinstance(volume, BlockVolume) or volume.status in _SETTLED:
                return volume
            if volume.status == "error":
                return Unknown(detail="Scaleway says that the disk is broken.")
            await asyncio.sleep(self.poll_s)

    async def left(self, tags: list[str]) -> list[Machine] | Failure:
        """Return the disks with these tags that have no server, as what is left of machines."""
        block, local = await asyncio.gather(self._block(tags), self._local(tags))
        if not isinstance(block, list):
            return block
        return [*block, *local] if isinstance(local, list) else local

    async def _block(self, tags: list[str]) -> list[Machine] | Failure:
        pages = await self.api.pages(
            Wanted(
                method="GET",
                path=f"/block/v1/zones/{self.zone}/volumes",
                params={"project_id": self.project_id, "tags": ",".join(tags)},
            ),
            BlockVolumes,
            size_name="page_size",
            size_of=lambda page: len(page.volumes),
        )
        if not isinstance(pages, list):
            return pages
        return [
            Machine(
                id=f"{BLOCK}:{volume.id}",
                zone=self.zone,
                instance_type=_NAME,
                tag=tag,
                state=MachineState.STOPPING
                if volume.status == "deleting"
                else MachineState.STOPPED,
                ip_address=None,
                created_at=volume.created_at,
                volumes=(volume.volume(),),
            )
            for page in pages
            for volume in page.volumes
            if volume.status != "deleted"
            and set(tags) <= set(volume.tags)
            and (tag := tag_of(volume.tags)) is not None
        ]

    async def _local(self, tags: list[str]) -> list[Machine] | Failure:
        pages = await self.api.pages(
            Wanted(
                method="GET",
                path=f"/instance/v1/zones/{self.zone}/volumes",
                params={"project": self.project_id, "tags": ",".join(tags)},
            ),
            LocalVolumes,
            size_name="per_page",
            size_of=lambda page: len(page.volumes),
        )
        if not isinstance(pages, list):
            return pages
        return [
            Machine(
                id=f"{LOCAL}:{volume.id}",
                zone=self.zone,
                instance_type=_NAME,
                tag=tag,
                state=MachineState.STOPPED,
                ip_address=None,
                created_at=volume.creation_date,
                volumes=(volume.volume(),),
            )
            for page in pages
            for volume in page.volumes
            if set(tags) <= set(volume.tags) and (tag := tag_of(volume.tags)) is not None
        ]

    async def delete(self, kind: str, volume_id: str) -> Nothing | Failure:
        """Delete a disk."""
        deleted = await self.api.ask(
            Wanted(method="DELETE", path=self._path(kind, volume_id)), Nothing
        )
        if isinstance(deleted, Rejected):
            return Unknown(detail=deleted.detail)
        return deleted

    def _path(self, kind: str, volume_id: str) -> str:
        return f"/{_ROOTS[kind]}/zones/{self.zone}/volumes/{volume_id}"
