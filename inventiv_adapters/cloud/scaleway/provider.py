"""One project at Scaleway, as a cloud.

A server is made switched off, gets its disks, its user data and last a tag that says so, and
only then may start. ``terminate`` is for servers that run, ``DELETE`` for those that do not;
a server says itself, in ``allowed_actions``, what may be done with it
(https://www.scaleway.com/en/developers/api/instance/#path-instances). User data of the key
``cloud-init`` is read at the first boot (…#path-user-data).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from inventiv_adapters.cloud.install.script import SetupImpossible, cloud_init
from inventiv_adapters.cloud.scaleway.api import Failure, Nothing, NotThere, Rejected, Wanted
from inventiv_adapters.cloud.scaleway.firewall import group_for, let_in
from inventiv_adapters.cloud.scaleway.products import offers_in
from inventiv_adapters.cloud.scaleway.servers import (
    Part,
    Project,
    done,
    is_id,
    is_zone,
    trouble,
)
from inventiv_adapters.cloud.scaleway.wire import (
    SET_UP,
    BlockVolumes,
    OneServer,
    Server,
    Servers,
    installation_tags,
    tags_of,
)
from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    ActionOutcome,
    CheckOutcome,
    Created,
    CreateOutcome,
    Denied,
    FieldMissing,
    FindOutcome,
    Found,
    Listed,
    ListOutcome,
    MachineOrder,
    MachineTag,
    Offered,
    OffersOutcome,
    RefusalReason,
    Refused,
    Trouble,
    Unknown,
)
from inventiv_core.cloud.ports import (
    ChecksCredentials,
    CloudProvider,
    ForgetsSetups,
    SellsMachines,
)
from inventiv_core.kernel.secrets import Secret


class ScalewayCloud(CloudProvider, SellsMachines, ChecksCredentials, ForgetsSetups):
    """Rents servers in one project, with one key."""

    def __init__(self, project: Project, *, is_remote: bool) -> None:
        """Say whether the API is elsewhere: its servers cannot reach our loopback."""
        self._project = project
        self._is_remote = is_remote

    async def create(self, order: MachineOrder) -> CreateOutcome:
        refused = self._impossible(order)
        if refused is not None:
            return refused
        try:
            user_data = cloud_init(order.setup, order.needs)
        except SetupImpossible as error:
            return Refused(reason=RefusalReason.INVALID, detail=str(error))
        try:
            async with asyncio.timeout(self._project.choices.create_s):
                return await self._create(order, user_data)
        except TimeoutError:
            return Unknown(detail="Scaleway did not make the server in time.")

    def _impossible(self, order: MachineOrder) -> Refused | None:
        """Say, before anything is rented, what would keep the machine from ever being of use."""
        host = urlsplit(order.setup.control_plane_url).hostname or ""
        problem = None
        if not is_zone(order.zone):
            problem = f"{order.zone} is no zone of Scaleway's."
        elif self._is_remote and is_loopback(host):
            problem = f"No server could reach {host}: set INVENTIV_PUBLIC_URL."
        elif order.needs.is_reachable and not self._project.choices.callers:
            problem = "Nobody would be let in: set INVENTIV_GATEWAY_NETWORKS."
        elif order.needs.engine_mode != "mono":
            problem = "Only one engine for each machine can be installed: set the mode to mono."
        return None if problem is None else Refused(reason=RefusalReason.INVALID, detail=problem)

    async def _create(self, order: MachineOrder, user_data: str) -> CreateOutcome:
        zone = order.zone
        image_id = await self._project.image(zone, order.instance_type)
        if not isinstance(image_id, str):
            return _refusal(image_id)
        group_id = await group_for(
            self._project.api, order.tag, zone=zone, project_id=self._project.id
        )
        if not isinstance(group_id, str):
            return _refusal(group_id)
        callers = self._project.choices.callers if order.needs.is_reachable else ()
        guarded = await let_in(
            self._project.api, group_id, zone=zone, addresses=callers, port=order.needs.engine_port
        )
        if not isinstance(guarded, Nothing):
            return _refusal(guarded)
        made = await self._project.api.ask(
            Wanted(
                method="POST",
                path=f"/instance/v1/zones/{zone}/servers",
                body={
                    "name": order.name,
                    "commercial_type": order.instance_type,
                    "project": self._project.id,
                    "image": image_id,
                    "tags": tags_of(order.tag),
                    "security_group": group_id,
                    "dynamic_ip_required": True,
                    "boot_type": "local",
                },
            ),
            OneServer,
        )
        if not isinstance(made, OneServer):
            return _refusal(made)
        return await self._set_up(made.server, order, user_data)

    async def _set_up(self, server: Server, order: MachineOrder, user_data: str) -> CreateOutcome:
        failure = await self._equip(server, order, user_data)
        if isinstance(failure, Rejected):
            # A definite no, but there is a server: it is only a refusal if that can go.
            gone = await self.delete(server.id, zone=order.zone)
            if isinstance(gone, Accepted | Absent):
                return Refused(reason=failure.reason, detail=failure.detail)
        if failure is not None:
            return trouble(failure)
        return Created(machine=server.machine(order.tag, zone=order.zone))

    async def _equip(self, server: Server, order: MachineOrder, user_data: str) -> Failure | None:
        """Give a server all it needs, and then say on it that it has."""
        disks, tags = self._project.disks(order.zone), tags_of(order.tag)
        failure = await disks.label_all(server, tags)
        if failure is None and order.needs.data_volume_gb is not None:
            failure = await disks.make_room(server, order.tag, order.needs.data_volume_gb)
        if failure is not None:
            return failure
        path = f"/instance/v1/zones/{order.zone}/servers/{server.id}"
        told = await self._project.api.ask(
            Wanted(method="PATCH", path=f"{path}/user_data/cloud-init", text=user_data), Nothing
        )
        if not isinstance(told, Nothing):
            return told
        said = await self._project.api.ask(
            Wanted(method="PATCH", path=path, body={"tags": [*tags, SET_UP]}), Nothing
        )
        return None if isinstance(said, Nothing) else said

    async def find(self, tag: MachineTag, *, zone: str) -> FindOutcome:
        if not is_zone(zone):
            return Absent()
        machines = await self._project.tagged(tags_of(tag), zone)
        if not isinstance(machines, list):
            return machines
        exact = [machine for machine in machines if machine.tag == tag]
        return Found(machines=tuple(exact)) if exact else Absent()

    async def start(self, machine_id: str, *, zone: str) -> ActionOutcome:
        part = Part.read(machine_id, zone=zone)
        if part is None:
            return Absent()
        if part.disk is not None:
            return await self._discard(machine_id, zone)
        server = await self._project.look(part.id, zone)
        if not isinstance(server, Server):
            return Absent() if isinstance(server, NotThere) else trouble(server)
        if not server.is_set_up:
            return await self._discard(machine_id, zone)
        if server.state in {"running", "starting"}:
            return Accepted()
        return await self._project.act("poweron", part.id, zone)

    async def _discard(self, machine_id: str, zone: str) -> ActionOutcome:
        """Delete what can never be started; so far, there is nothing to start."""
        gone = await self.delete(machine_id, zone=zone)
        return Absent() if isinstance(gone, Accepted) else gone

    async def delete(self, machine_id: str, *, zone: str) -> ActionOutcome:
        part = Part.read(machine_id, zone=zone)
        if part is None:
            return Absent()
        if part.disk is not None:
            return done(await self._project.disks(zone).delete(part.disk, part.id))
        server = await self._project.look(part.id, zone)
        if isinstance(server, Server):
            return await self._give_up(server, zone)
        return Absent() if isinstance(server, NotThere) else trouble(server)

    async def _give_up(self, server: Server, zone: str) -> ActionOutcome:
        tags = [tag for tag in server.tags if tag != SET_UP]
        failure = await self._project.disks(zone).label_all(server, tags)  # so that none is lost
        if failure is not None:
            return trouble(failure)
        if "terminate" in server.allowed_actions:
            return await self._project.act("terminate", server.id, zone)
        if server.state == "stopped":
            path = f"/instance/v1/zones/{zone}/servers/{server.id}"
            return done(await self._project.api.ask(Wanted(method="DELETE", path=path), Nothing))
        return Unknown(detail=f"The server is {server.state} and cannot be deleted yet.")

    async def forget_setup(self, machine_id: str, *, zone: str) -> ActionOutcome:
        part = Part.read(machine_id, zone=zone)
        if part is None or part.disk is not None:
            return Absent()
        path = f"/instance/v1/zones/{zone}/servers/{part.id}/user_data/cloud-init"
        answer = await self._project.api.ask(Wanted(method="DELETE", path=path), Nothing)
        return Accepted() if isinstance(answer, NotThere) else done(answer)

    async def list(self, installation_id: UUID) -> ListOutcome:
        tags = installation_tags(installation_id)
        machines = await self._project.everywhere(
            lambda zone: self._project.tagged(tags, zone, with_disks=True)
        )
        if isinstance(machines, Trouble):
            return machines
        machines.sort(key=lambda machine: (machine.created_at, machine.id))
        return Listed(machines=tuple(machines))

    async def offers(self) -> OffersOutcome:
        offers = await self._project.everywhere(lambda zone: offers_in(self._project.api, zone))
        return offers if isinstance(offers, Trouble) else Offered(offers=tuple(offers))

    async def check_credentials(self, credentials: Mapping[str, Secret]) -> CheckOutcome:
        for name in ("project_id", "secret_key"):
            if name not in credentials:
                return FieldMissing(field=name)
        project_id = credentials["project_id"].reveal()
        if not is_id(project_id):
            return Denied(detail="The project_id is not an id: it has 32 hexadecimal digits.")
        api = self._project.api.with_key(credentials["secret_key"])
        zone = self._project.choices.zones[0]
        instances = await api.ask(
            Wanted(
                method="GET",
                path=f"/instance/v1/zones/{zone}/servers",
                params={"project": project_id, "page": 1, "per_page": 1},
            ),
            Servers,
        )
        if not isinstance(instances, Servers):
            return _needs(trouble(instances), "InstancesFullAccess")
        volumes = await api.ask(
            Wanted(
                method="GET",
                path=f"/block/v1/zones/{zone}/volumes",
                params={"project_id": project_id, "page": 1, "page_size": 1},
            ),
            BlockVolumes,
        )
        if not isinstance(volumes, BlockVolumes):
            return _needs(trouble(volumes), "BlockStorageFullAccess")
        return Accepted()


def _refusal(failure: Failure) -> Refused | Trouble:
    """Return what a failure means before anything was rented."""
    if isinstance(failure, Rejected):
        return Refused(reason=failure.reason, detail=failure.detail)
    return trouble(failure)


def _needs(answer: Trouble, permission_set: str) -> Trouble:
    """Say what a key that was let in, but not everywhere, lacks."""
    if not isinstance(answer, Denied):
        return answer
    hint = f"The key needs the permission set {permission_set} in this project."
    return replace(answer, detail=f"{answer.detail} {hint}")


def is_loopback(host: str) -> bool:
    """Tell whether a name means this very machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in {"", "localhost"}
