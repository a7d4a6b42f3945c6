"""A simulated Scaleway API, over real HTTP: what it keeps, and what it answers.

It is as strict as the real one where that matters: keys belong to projects and hold
permissions, a running server cannot be deleted nor a stopped one terminated, disks of Block
Storage outlive their server, lists come in pages. Its accidents are ordered with `Accident`.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import web

Json = dict[str, Any]
GB = 1_000_000_000
GIB = 2**30

PROJECT = "11111111-2222-4333-8444-555555555555"
KEY = "5ecre7aa-0000-4000-8000-00000000dead"
ALL = frozenset({"instance", "block"})
IMAGE_ID = "1a1a1a1a-0000-4000-8000-000000000001"

PRODUCTS: Json = {
    "L4-1-24G": {
        "hourly_price": 0.75, "ncpus": 8, "ram": 48 * GIB, "gpu": 1, "arch": "x86_64",
        "gpu_info": {"gpu_manufacturer": "NVIDIA", "gpu_name": "L4", "gpu_memory": 24 * GIB},
        "network": {"sum_internet_bandwidth": 2_500_000_000}, "end_of_service": False,
    },
    "RENDER-S": {
        "hourly_price": 1.221, "ncpus": 10, "ram": 42 * GIB, "gpu": 1, "arch": "x86_64",
        "gpu_info": {"gpu_manufacturer": "NVIDIA", "gpu_name": "P100", "gpu_memory": 16 * GIB},
        "network": {"sum_internet_bandwidth": 2_000_000_000}, "end_of_service": False,
    },
    "GPU-3070-S": {
        "hourly_price": 0.98, "ncpus": 8, "ram": 16 * GIB, "gpu": 1, "arch": "x86_64",
        "gpu_info": None, "network": None, "end_of_service": True,
    },
    "DEV1-S": {
        "hourly_price": 0.0088, "ncpus": 2, "ram": 2 * GIB, "gpu": 0, "arch": "x86_64",
        "gpu_info": None, "network": {"sum_internet_bandwidth": 200_000_000},
        "end_of_service": False,
    },
}  # fmt: skip


@dataclass
class Accident:
    """What happens instead of an answer, to calls that match."""

    method: str
    path: str
    """A regular expression that is found in the path."""
    status: int | None = None
    """Answer this; ``None``: no answer at all, the connection is cut."""
    body: Json | str = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    is_done: bool = False
    """Whether what was asked happens all the same."""
    after_s: float = 0.0
    times: int = 1


@dataclass
class Key:
    """What a key may do."""

    project: str = PROJECT
    permissions: frozenset[str] = ALL


@dataclass
class Server:
    """A server."""

    id: str
    zone: str
    project: str
    body: Json
    made_at: float
    state: str = "stopped"
    changes_at: float | None = None
    volumes: list[str] = field(default_factory=list)
    user_data: dict[str, str] = field(default_factory=dict)


@dataclass
class Volume:
    """A disk."""

    id: str
    zone: str
    project: str
    kind: str
    size: int
    made_at: float
    name: str = ""
    tags: list[str] = field(default_factory=list)
    server: str | None = None
    ready_at: float = 0.0


class Simulator:
    """The provider. A test may look at everything it has, and change it."""

    def __init__(self, *, boot_s: float = 0.02, stop_s: float = 0.02) -> None:
        self.boot_s, self.stop_s, self.disk_s = boot_s, stop_s, 0.0
        self.keys: dict[str, Key] = {KEY: Key()}
        self.servers: dict[str, Server] = {}
        self.volumes: dict[str, Volume] = {}
        self.groups: dict[str, Json] = {}
        self.ips: Iterator[str] = iter(lambda: "127.0.0.1", "")
        self.accidents: list[Accident] = []
        self.calls: list[tuple[str, str]] = []
        self.most_per_page = 100
        self.sold_out: set[str] = set()
        self.on_boot: Callable[[Server], None] = lambda server: None
        self.deleted: list[str] = []
        """What was given up, in order."""

    @property
    def bill(self) -> list[str]:
        """Return the ids of everything that costs money now."""
        self.pass_time()
        return [*self.servers, *self.volumes]

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._door])
        zone = "/instance/v1/zones/{zone}"
        block = "/block/v1/zones/{zone}"
        app.add_routes(
            [
                web.get(f"{zone}/products/servers", self.products),
                web.get(f"{zone}/products/servers/availability", self.stock),
                web.get(f"{zone}/servers", self.list_servers),
                web.post(f"{zone}/servers", self.create_server),
                web.get(f"{zone}/servers/{{id}}", self.get_server),
                web.patch(f"{zone}/servers/{{id}}", self.update_server),
                web.delete(f"{zone}/servers/{{id}}", self.delete_server),
                web.post(f"{zone}/servers/{{id}}/action", self.act),
                web.post(f"{zone}/servers/{{id}}/attach-volume", self.attach),
                web.patch(f"{zone}/servers/{{id}}/user_data/{{key}}", self.set_user_data),
                web.delete(f"{zone}/servers/{{id}}/user_data/{{key}}", self.drop_user_data),
                web.get(f"{zone}/security_groups", self.list_groups),
                web.post(f"{zone}/security_groups", self.create_group),
                web.put(f"{zone}/security_groups/{{id}}/rules", self.set_rules),
                web.get(f"{zone}/volumes", self.list_local),
                web.patch(f"{zone}/volumes/{{id}}", self.update_volume),
                web.delete(f"{zone}/volumes/{{id}}", self.delete_volume),
                web.get(f"{block}/volumes", self.list_block),
                web.post(f"{block}/volumes", self.create_block),
                web.get(f"{block}/volumes/{{id}}", self.get_block),
                web.patch(f"{block}/volumes/{{id}}", self.update_volume),
                web.delete(f"{block}/volumes/{{id}}", self.delete_volume),
                web.get("/marketplace/v2/local-images", self.images),
            ]
        )
        return app

    # ---- the door

    @web.middleware
    async def _door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.calls.append((request.method, request.path))
        self.pass_time()
        accident = self._accident(request)
        if accident is None:
            return await self._checked(request, handler)
        await asyncio.sleep(accident.after_s)
        if accident.is_done:
            answer = await self._checked(request, handler)
            if accident.status is None and accident.after_s:
                return answer  # only late
        if accident.status is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(accident.body, str):
            return web.Response(
                text=accident.body, status=accident.status, headers=accident.headers
            )
        return web.json_response(accident.body, status=accident.status, headers=accident.headers)

    def _accident(self, request: web.Request) -> Accident | None:
        for accident in self.accidents:
            if (
                accident.times
                and accident.method == request.method
                and re.search(accident.path, request.path)
            ):
                accident.times -= 1
                return accident
        return None

    async def _checked(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        key = self.keys.get(request.headers.get("X-Auth-Token", ""))
        if key is None:
            return _error(401, "denied_authentication", message="authentication is denied")
        product = request.path.split("/")[1]
        if product in ALL and product not in key.permissions:
            return _error(
                403,
                "permissions_denied",
                message="insufficient permissions",
                details=[{"resource": product, "action": "read"}],
            )
        asked = request.query.get("project") or request.query.get("project_id")
        if asked not in {None, key.project}:
            return _error(403, "permissions_denied", message="insufficient permissions", details=[])
        request["project"] = key.project
        return await handler(request)

    def pass_time(self) -> None:
        """Have happen what was due."""
        now = time.monotonic()
        for server in list(self.servers.values()):
            if server.changes_at is None or now < server.changes_at:
                continue
            server.changes_at = None
            if server.state == "starting":
                server.state = "running"
            elif server.state == "stopping":
                self._remove(server, with_local=True)

    def _remove(self, server: Server, *, with_local: bool) -> None:
        """Take a server away; its disks on Block Storage stay, and so may the others."""
        del self.servers[server.id]
        self.deleted.append(server.id)
        for disk in server.volumes:
            volume = self.volumes.get(disk)
            if volume is not None and volume.kind == "l_ssd" and with_local:
                del self.volumes[disk]
            elif volume is not None:
                volume.server = None

    # ---- products and images

    async def products(self, request: web.Request) -> web.Response:
        return _page_of_dict(request, PRODUCTS, self.most_per_page)

    async def stock(self, request: web.Request) -> web.Response:
        stock = {
            name: {"availability": "shortage" if name in self.sold_out else "available"}
            for name in PRODUCTS
        }
        return _page_of_dict(request, stock, self.most_per_page)

    async def images(self, request: web.Request) -> web.Response:
        local = request.query["type"] == "instance_local"
        types = ["RENDER-S"] if local else ["L4-1-24G"]
        image = {
            "id": IMAGE_ID,
            "compatible_commercial_types": types,
            "zone": request.query["zone"],
        }
        return web.json_response({"local_images": [image], "total_count": 1})

    # ---- servers

    def _server(self, request: web.Request) -> Server | None:
        server = self.servers.get(request.match_info["id"])
        if server is None or (server.zone, server.project) != (
            request.match_info["zone"], request["project"],
        ):  # fmt: skip
            return None
        return server

    def shown(self, server: Server) -> Json:
        actions = {
            "stopped": ["poweron", "backup"],
            "running": ["poweroff", "terminate", "reboot", "stop_in_place", "backup"],
        }
        ip = {"address": "127.0.0.1", "family": "inet", "dynamic": True}
        has_ip = server.state == "running"
        return {
            **server.body,
            "id": server.id,
            "state": server.state,
            "creation_date": _stamp(server.made_at),
            "allowed_actions": actions.get(server.state, []),
            "public_ip": ip if has_ip else None,
            "public_ips": [ip] if has_ip else [],
            "volumes": {
                str(slot): {
                    "id": disk,
                    "volume_type": self.volumes[disk].kind,
                    "boot": slot == 0,
                    "size": self.volumes[disk].size if self.volumes[disk].kind == "l_ssd" else None,
                }
                for slot, disk in enumerate(server.volumes)
                if disk in self.volumes
            },
        }

    async def list_servers(self, request: web.Request) -> web.Response:
        tags = _tags(request)
        found = [
            self.shown(server)
            for server in self.servers.values()
            if (server.zone, server.project) == (request.match_info["zone"], request["project"])
            and tags <= set(server.body["tags"])
        ]
        return self._page(request, "servers", found[::-1], "per_page")

    async def create_server(self, request: web.Request) -> web.Response:
        body: Json = await request.json()
        product = PRODUCTS.get(body["commercial_type"])
        if product is None:
            return _error(400, "invalid_request_error", fields={"commercial_type": ["unknown"]})
        if body["commercial_type"] in self.sold_out:
            return _error(503, "out_of_stock", resource=body["commercial_type"])
        if body["security_group"] not in self.groups:
            return _error(404, "unknown_resource", message="no such security group")
        is_local = body["commercial_type"] == "RENDER-S"
        server = Server(
            id=str(uuid4()),
            zone=request.match_info["zone"],
            project=request["project"],
            body={**body, "tags": body.get("tags", [])},
            made_at=time.time(),
        )
        root = self._volume(
            server.zone, server.project, "l_ssd" if is_local else "sbs_volume",
            400 * GB if is_local else 20 * GB,
        )  # fmt: skip
        root.server = server.id
        server.volumes.append(root.id)
        self.servers[server.id] = server
        return web.json_response({"server": self.shown(server)}, status=201)

    async def get_server(self, request: web.Request) -> web.Response:
        server = self._server(request)
        if server is None:
            return _unknown("instance_server", request)
        return web.json_response({"server": self.shown(server)})

    async def update_server(self, request: web.Request) -> web.Response:
        server = self._server(request)
        if server is None:
            return _unknown("instance_server", request)
        server.body |= await request.json()
        return web.json_response({"server": self.shown(server)})

    async def delete_server(self, request: web.Request) -> web.Response:
        server = self._server(request)
        if server is None:
            return _unknown("instance_server", request)
        if server.state != "stopped":
            return _error(400, "invalid_request_error", message="instance should be powered off")
        self._remove(server, with_local=False)
        return web.Response(status=204)

    async def act(self, request: web.Request) -> web.Response:
        server = self._server(request)
        if server is None:
            return _unknown("instance_server", request)
        action = (await request.json())["action"]
        if action not in self.shown(server)["allowed_actions"]:
            return _error(400, "invalid_request_error", message=f"cannot {action} now")
        now = time.monotonic()
        if action == "poweron":
            server.state, server.changes_at = "starting", now + self.boot_s
            self.on_boot(server)
        else:
            server.state, server.changes_at = "stopping", now + self.stop_s
        return web.json_response({"task": {"id": str(uuid4()), "status": "pending"}}, status=202)

    async def set_user_data(self, request: web.Request) -> web.Response:
        server = self._server(request)
        if server is None:
            return _unknown("instance_server", request)
        assert request.content_type == "text/plain"
        server.user_data[request.match_info["key"]] = await request.text()
        return web.Response(status=204)

    async def drop_user_data(self, request: web.Request) -> web.Response:
        server = self._server(request)
        if server is None or server.user_data.pop(request.match_info["key"], None) is None:
            return _unknown("instance_server", request)
        return web.Response(status=204)

    async def attach(self, request: web.Request) -> web.Response:
        server, body = self._server(request), await request.json()
        volume = self.volumes.get(body["volume_id"])
        if server is None or volume is None:
            return _unknown("instance_server", request)
        volume.server = server.id
        server.volumes.append(volume.id)
        return web.json_response({"server": self.shown(server)})

    # ---- disks

    def _volume(self, zone: str, project: str, kind: str, size: int) -> Volume:
        volume = Volume(
            id=str(uuid4()), zone=zone, project=project, kind=kind, size=size,
            made_at=time.time(), ready_at=time.monotonic() + self.disk_s,
        )  # fmt: skip
        self.volumes[volume.id] = volume
        return volume

    def _block(self, volume: Volume) -> Json:
        status = "in_use" if volume.server else "available"
        return {
            "id": volume.id,
            "size": volume.size,
            "status": status if time.monotonic() >= volume.ready_at else "creating",
            "created_at": _stamp(volume.made_at),
            "tags": volume.tags,
        }

    def _theirs(self, request: web.Request, kind: str) -> list[Volume]:
        tags = _tags(request)
        return [
            volume
            for volume in self.volumes.values()
            if volume.kind == kind
            and (volume.zone, volume.project) == (request.match_info["zone"], request["project"])
            and tags <= set(volume.tags)
        ]

    async def list_block(self, request: web.Request) -> web.Response:
        rows = [self._block(volume) for volume in self._theirs(request, "sbs_volume")]
        return self._page(request, "volumes", rows, "page_size")

    async def list_local(self, request: web.Request) -> web.Response:
        rows = [
            {"id": v.id, "creation_date": _stamp(v.made_at), "tags": v.tags, "server": None}
            for v in self._theirs(request, "l_ssd")
        ]
        return self._page(request, "volumes", rows, "per_page")

    async def create_block(self, request: web.Request) -> web.Response:
        body = await request.json()
        volume = self._volume(
            request.match_info["zone"], request["project"], "sbs_volume", body["from_empty"]["size"]
        )
        volume.name, volume.tags = body["name"], body["tags"]
        return web.json_response(self._block(volume))

    async def get_block(self, request: web.Request) -> web.Response:
        volume = self.volumes.get(request.match_info["id"])
        if volume is None:
            return _unknown("volume", request)
        return web.json_response(self._block(volume))

    async def update_volume(self, request: web.Request) -> web.Response:
        volume = self.volumes.get(request.match_info["id"])
        if volume is None or (volume.kind == "l_ssd") != request.path.startswith("/instance"):
            return _unknown("volume", request)
        body = await request.json()
        volume.tags, volume.size = body.get("tags", volume.tags), body.get("size", volume.size)
        return web.json_response(self._block(volume))

    async def delete_volume(self, request: web.Request) -> web.Response:
        volume = self.volumes.get(request.match_info["id"])
        if volume is None or (volume.kind == "l_ssd") != request.path.startswith("/instance"):
            return _unknown("volume", request)
        if volume.server is not None:
            return _error(412, "precondition_failed", message="resource is still in use")
        del self.volumes[volume.id]
        self.deleted.append(volume.id)
        return web.Response(status=204)

    # ---- security groups

    async def list_groups(self, request: web.Request) -> web.Response:
        tags = _tags(request)
        found = [
            group
            for group in self.groups.values()
            if group["zone"] == request.match_info["zone"] and tags <= set(group["tags"])
        ]
        return self._page(request, "security_groups", found, "per_page")

    async def create_group(self, request: web.Request) -> web.Response:
        body = await request.json()
        group = {**body, "id": str(uuid4()), "zone": request.match_info["zone"], "rules": []}
        self.groups[group["id"]] = group
        return web.json_response({"security_group": group}, status=201)

    async def set_rules(self, request: web.Request) -> web.Response:
        group = self.groups.get(request.match_info["id"])
        if group is None:
            return _unknown("security_group", request)
        group["rules"] = (await request.json())["rules"]
        return web.json_response({"rules": group["rules"]})

    def _page(
        self, request: web.Request, name: str, rows: list[Json], size_name: str
    ) -> web.Response:
        size = min(int(request.query.get(size_name, 20)), self.most_per_page)
        first = (int(request.query.get("page", 1)) - 1) * size
        return web.json_response(
            {name: rows[first : first + size], "total_count": len(rows)},
            headers={"X-Total-Count": str(len(rows))},
        )


def _tags(request: web.Request) -> set[str]:
    return {tag for tag in request.query.get("tags", "").split(",") if tag}


def _page_of_dict(request: web.Request, rows: Json, most: int) -> web.Response:
    size = min(int(request.query.get("per_page", 50)), most)
    first = (int(request.query.get("page", 1)) - 1) * size
    page = dict(list(rows.items())[first : first + size])
    return web.json_response({"servers": page}, headers={"X-Total-Count": str(len(rows))})


def _error(status: int, type: str, **facts: Any) -> web.Response:
    return web.json_response({"type": type, **facts}, status=status)


def _unknown(resource: str, request: web.Request) -> web.Response:
    return _error(
        404, "unknown_resource", message=f'"{request.match_info["id"]}" not found',
        resource=resource,
    )  # fmt: skip


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def told(server: Server) -> Json:
    """Return what cloud-init would read on a server."""
    text = server.user_data["cloud-init"]
    assert text.startswith("#cloud-config\n")
    document: Json = json.loads(text.removeprefix("#cloud-config\n"))
    return document
