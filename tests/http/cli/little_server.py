"""A little Inventiv server on loopback: real HTTP, nothing behind it.

An instance moves to its next status each time it has been read, and the move is
announced on the stream of events: no test waits for a clock.
"""

import asyncio
import json
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

Json = dict[str, Any]

TOKEN = "token-of-ada"
PASSWORD = "the password of ada"
PLAN_ID = "018f0000-0000-7000-8000-0000000000aa"
INSTANCE_ID = "018f0000-0000-7000-8000-00000000000a"
COMMAND_ID = "0a000000-0000-7000-8000-0000000000c0"
STAGES = ("provisioning", "booting", "installing", "starting", "ready")
ECHO = "018e0000-0000-7000-8000-000000000001"
PERCENT = {"provisioning": 20, "booting": 40, "installing": 60, "starting": 80, "ready": 100}


def a_model(number: int, model_id: str, name: str, vram_gb: int) -> Json:
    return {
        "id": f"018e0000-0000-7000-8000-{number:012}",
        "model_id": model_id,
        "name": name,
        "required_vram_gb": vram_gb,
        "context_length": 2048,
        "is_active": True,
    }


def a_type(provider: str, code: str, gpus: int, vram_gb: int, eur: float | None) -> Json:
    return {
        "id": f"type-{code}",
        "provider_id": provider,
        "name": code,
        "code": code,
        "gpu_count": gpus,
        "vram_per_gpu_gb": vram_gb,
        "cpu_count": 8,
        "ram_gb": 48,
        "is_active": True,
        "cost_per_hour": eur,
    }


def an_organization(id_: str, name: str, slug: str, role: str) -> Json:
    return {
        "id": id_,
        "name": name,
        "slug": slug,
        "created_at": "2026-01-01T12:00:00Z",
        "role": role,
        "member_count": 2,
    }


def an_api_key(id_: str, name: str, prefix: str, **facts: Any) -> Json:
    return {
        "id": id_,
        "name": name,
        "key_prefix": prefix,
        "created_at": "2026-01-01T12:00:00Z",
        "last_used_at": None,
        "revoked_at": None,
        "organization_id": "o-engines",
        "organization_name": "Analytical Engines",
        "expires_at": None,
        "models": None,
        "permissions": None,
        **facts,
    }


def a_limit(id_: str, **facts: Any) -> Json:
    numbers = (
        "requests_per_minute", "tokens_per_minute", "concurrent_calls", "tokens_per_day",
        "tokens_per_month", "eur_per_day", "eur_per_month",
    )  # fmt: skip
    return {
        "id": id_,
        "set_by": "organization",
        "organization_id": "o-engines",
        "user_id": None,
        "api_key_id": None,
        "model": None,
        **dict.fromkeys(numbers),
        **facts,
    }


def an_instance(instance_id: str = INSTANCE_ID, status: str = "provisioning") -> Json:
    return {
        "id": instance_id,
        "status": status,
        "provider_name": "Mock",
        "zone": "Local",
        "instance_type": "Local Instance",
        "model_name": "Mock Echo Model",
        "model_code": "mock-echo-model",
        "ip_address": None,
        "error_code": None,
        "error_message": None,
        "cost_per_hour": 0.5,
        "total_cost": 0.0125,
        "progress_percent": PERCENT.get(status, 0),
        "created_at": "2026-01-01T12:00:00.123Z",
    }


def a_fit() -> Json:
    """Return an estimate: one machine that fits, and one that does not."""
    machine: Json = {
        "provider_code": "sky",
        "code": "L1",
        "gpu_count": 1,
        "vram_per_gpu_gb": 24,
        "cost_per_hour": 0.75,
        "zones": ["sky-1"],
        "fits": True,
        "is_deployable": False,
        "sentence": None,
        "max_context": 23555,
        "max_concurrency": 2,
    }
    too_small = {
        "code": "S1",
        "vram_per_gpu_gb": 16,
        "cost_per_hour": None,
        "fits": False,
        "sentence": "Each GPU must hold 18.6 GB.",
        "max_context": None,
        "max_concurrency": None,
    }
    return {
        "sentence": "Estimated from the model's architecture.",
        "demand": {"context": 8192, "concurrency": 1},
        "terms": [
            {"name": "weights", "formula": "bf16: 1 + 2", "value": 16060522496, "unit": "bytes"}
        ],
        "machines": [machine, machine | too_small],
    }


def a_user(id: str, username: str, first_name: str | None) -> Json:
    names = {"first_name": first_name, "last_name": None, "created_at": "2026-01-01T12:00:00Z"}
    known = {"id": id, "username": username, "email": f"{username}@example.org", "role": "user"}
    return known | names


class LittleServer:
    """What it has, what it was asked, and how it misbehaves when told to."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[str] = []
        self.bodies: dict[str, Json] = {}
        self.queries: dict[str, dict[str, str]] = {}
        self.models = [
            a_model(1, "mock-echo-model", "Mock Echo Model", 0),
            a_model(2, "small/one", "Small", 16),
            a_model(3, "big/one", "Big", 100),
            a_model(4, "twin/a", "Twin", 16),
            a_model(5, "twin/b", "Twin", 16),
            a_model(6, "huge/one", "Huge", 5000),
        ]
        self.providers: list[Json] = [
            {"id": "mock", "name": "Mock", "code": "mock", "is_active": True},
            {"id": "sky", "name": "Sky", "code": "sky", "is_active": True},
            {"id": "gone", "name": "Gone", "code": "gone", "is_active": False},
        ]
        self.regions: list[Json] = [
            {"id": "r-mock", "provider_id": "mock", "is_active": True},
            {"id": "r-sky", "provider_id": "sky", "is_active": True},
            {"id": "r-gone", "provider_id": "gone", "is_active": True},
        ]
        self.zones: list[Json] = [
            {"id": "z-local", "region_id": "r-mock", "code": "local", "is_active": True},
            {"id": "z-1", "region_id": "r-sky", "code": "sky-1", "is_active": True},
            {"id": "z-2", "region_id": "r-sky", "code": "sky-2", "is_active": False},
            {"id": "z-gone", "region_id": "r-gone", "code": "gone-1", "is_active": True},
        ]
        self.types = {
            "z-local": [a_type("mock", "mock-local-instance", 1, 2, 0.0)],
            "z-1": [
                a_type("sky", "Q4", 4, 48, 5.6),
                a_type("sky", "L1", 1, 24, 0.75),
                a_type("sky", "S1", 1, 16, None),
            ],
            "z-2": [a_type("sky", "L1", 1, 24, 0.75)],
            "z-gone": [a_type("gone", "G1", 8, 80, 0.1)],
        }
        self.fit = a_fit()
        self.deployable = {
            "mock-echo-model": [("mock", "mock-local-instance"), ("sky", "S1")],
            "small/one": [("sky", "L1"), ("sky", "Q4"), ("sky", "S1")],
            "big/one": [("sky", "Q4")],
        }
        """Where a deployment would be accepted, by model and by the types' codes."""
        self.boots: Json = {"boots": 0, "p50_s": None, "p90_s": None}
        self.instances: dict[str, Json] = {}
        self.archived: dict[str, Json] = {}
        self.coming = list(STAGES[1:])
        self.logs: list[Json] = []
        self.workspace: str | None = "o-engines"
        self.organizations: list[Json] = [
            an_organization("o-engines", "Analytical Engines", "analytical-engines", "owner"),
            an_organization("o-looms", "Looms", "looms", "user"),
        ]
        self.api_keys: list[Json] = [
            an_api_key("k-1", "nightly", "sk-inv-11111", last_used_at="2026-01-02T12:00:00.5Z"),
            an_api_key("k-2", "lab", "sk-inv-12222", models=["small/one", "big/one"]),
            an_api_key("k-3", "old", "sk-inv-13333", expires_at="2026-01-01T13:00:00Z"),
            an_api_key("k-4", "gone", "sk-inv-14444", revoked_at="2026-01-01T13:00:00Z"),
            an_api_key("k-5", "mine", "sk-inv-25555", organization_id=None, organization_name=None),
        ]
        self.limits: list[Json] = [
            a_limit("l-1", set_by="platform", organization_id=None, requests_per_minute=600),
            a_limit("l-2", user_id="u-1", model="small/one", tokens_per_day=5000, eur_per_day=2.5),
            a_limit("l-3", api_key_id="k-2", concurrent_calls=4),
            a_limit("l-33", user_id="u-gone", api_key_id="k-gone", concurrent_calls=1),
        ]
        self.tokens = [TOKEN]
        self.catalog: Json = {"providers": [{"code": "sky", "name": "Ciel é"}]}
        self.changes: list[Json] = []
        self.failing: dict[str, tuple[int, Any]] = {}
        self.canned: dict[str, Any] = {}
        """What it answers at a path, whatever is asked there."""
        self.interrupt_at = ""
        self.events_work = True
        self.not_routed_yet = 0
        self.chunks: list[Json] = self.said("Hello ", "you")
        self.ends_streams = True
        self.command: Json = {}
        self.command_result: Json = {}
        self.command_error: str | None = None
        self._watchers: list[asyncio.Queue[tuple[str, Json]]] = []

    @staticmethod
    def said(*pieces: str) -> list[Json]:
        usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
        return [
            {"choices": [{"delta": {"role": "assistant"}}]},
            *({"choices": [{"delta": {"content": piece}}]} for piece in pieces),
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
        ]

    @contextmanager
    def running(self) -> Generator["LittleServer"]:
        """Serve from a thread of its own."""
        started = threading.Event()
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()

        async def serve() -> None:
            runner = web.AppRunner(
                self._application(), handler_cancellation=True, shutdown_timeout=0.01
            )
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            started.set()
            await stop.wait()
            await runner.cleanup()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
        started.wait()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/health", self._health),
                web.post("/auth/login", self._login),
                web.post("/auth/logout", self._ok),
                web.get("/auth/me", self._me),
                web.get("/users", self._users),
                web.post("/users", self._create_user),
                web.put("/auth/me/password", self._ok),
                web.get("/organizations", self._organizations),
                web.post("/organizations", self._found),
                web.put("/organizations/current", self._switch),
                web.get("/organizations/current/members", self._members),
                web.post("/organizations/current/invitations", self._invite),
                web.get("/api_keys", self._keys),
                web.post("/api_keys", self._make_key),
                web.delete("/api_keys/{id}", self._revoke_key),
                web.get("/organizations/current/api_keys", self._organization_keys),
                web.get("/organizations/current/limits", self._limits),
                web.put("/organizations/current/limits", self._set_limit),
                web.delete("/organizations/current/limits/{id}", self._remove_limit),
                web.get("/offerings/usable", self._usable),
                web.get("/zones/{zone}/instance_types", self._types),
                web.get("/instances", self._list),
                web.get("/instances/{id}", self._instance),
                web.delete("/instances/{id}", self._terminate),
                web.post("/instances/{id}/reinstall", self._reinstall),
                web.get("/action_logs", self._action_logs),
                web.post("/deployments", self._deploy),
                web.post("/deployments/plan", self._plan),
                web.get("/models/{id}/fit", self._fit),
                web.post("/models/fit", self._fit),
                web.get("/events/stream", self._events),
                web.post("/v1/chat/completions", self._chat),
                web.get("/catalog/export", self._export),
                web.post("/catalog/import", self._import),
                web.post("/catalog/sync", self._sync),
                web.post("/reconcile", self._reconcile),
                web.get("/commands", self._commands),
                web.get("/commands/{id}", self._command),
                web.get("/{catalog}", self._catalog),
            ]
        )
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        self.queries[request.path] = dict(request.query)
        if request.can_read_body:
            self.bodies[request.path] = await request.json()
        if request.path in self.failing:
            status, body = self.failing[request.path]
            if isinstance(body, str):
                return web.Response(status=status, text=body)
            return web.json_response(body, status=status)
        is_open = request.path in {"/health", "/auth/login"}
        if not is_open and request.headers.get("Authorization") != f"Bearer {self.tokens[-1]}":
            body = {
                "error": "unauthorized",
                "message": "session_invalid_or_expired",
                "detail": "This session is over",
            }
            return web.json_response(body, status=401)
        if request.path in self.canned:
            return web.json_response(self.canned[request.path])
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _fit(self, request: web.Request) -> web.StreamResponse:
        if request.query or request.method == "POST":
            return web.json_response(self.fit)
        return web.json_response(self.fit | {"machines": self._machines(request)})

    def _machines(self, request: web.Request) -> list[Json]:
        [model] = [m for m in self.models if m["id"] == request.match_info["id"]]
        machines: list[Json] = self.fit["machines"]
        return [
            machines[0] | {"provider_code": provider, "code": code, "is_deployable": True}
            for provider, code in self.deployable.get(model["model_id"], [])
        ] + machines

    async def _plan(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(
            {
                "plan_id": PLAN_ID,
                "expires_at": "2026-01-01T12:15:00Z",
                "zone": body["zone"],
                "instance_type": body["instance_type"],
                "price_per_hour_eur": 0.75,
                "price_per_day_eur": 18.0,
                "price_per_month_eur": 547.5,
                "time_to_ready": self.boots,
                "fit": self.fit,
            }
        )

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ok(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body != {"email": "ada", "password": PASSWORD}:
            refused = {
                "error": "invalid_credentials",
                "message": "invalid_credentials",
                "detail": "The username or the password is wrong.",
                "request_id": "r-1",
            }
            return web.json_response(refused, status=401)
        response = web.json_response({"user_id": "u-1", "email": "ada@example.org", "role": "user"})
        response.set_cookie("other", "nothing")
        response.set_cookie("inventiv_session", TOKEN, httponly=True, secure=True)
        return response

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "user_id": "u-1",
                "username": "ada",
                "email": "ada@example.org",
                "current_organization_id": self.workspace,
                "current_organization_name": "Analytical Engines" if self.workspace else None,
                "current_organization_role": "owner" if self.workspace else None,
            }
        )

    def _rotated(self, answer: Json) -> web.Response:
        """Answer with another token; the one before is dead at once, to see who forgets."""
        self.tokens.append(f"{TOKEN}-{len(self.tokens)}")
        response = web.json_response(answer)
        response.set_cookie("inventiv_session", self.tokens[-1], httponly=True)
        return response

    async def _organizations(self, request: web.Request) -> web.Response:
        return web.json_response(self.organizations)

    async def _found(self, request: web.Request) -> web.Response:
        body = await request.json()
        row = an_organization("o-new", body["name"], body["slug"] or "made-of-it", "owner")
        self.organizations.append(row)
        if not body["set_as_current"]:
            return web.json_response(row)
        self.workspace = row["id"]
        return self._rotated(row)

    async def _switch(self, request: web.Request) -> web.Response:
        self.workspace = (await request.json())["organization_id"]
        return self._rotated({"status": "ok", "current_organization_id": self.workspace})

    async def _members(self, request: web.Request) -> web.Response:
        ada = {"user_id": "u-1", "username": "ada", "email": "ada@example.org", "role": "owner"}
        names = {"first_name": "Ada", "last_name": None, "created_at": "2026-01-01T12:00:00Z"}
        return web.json_response([ada | names])

    async def _users(self, request: web.Request) -> web.Response:
        return web.json_response([a_user("u-1", "ada", "Ada")])

    async def _create_user(self, request: web.Request) -> web.Response:
        body = await request.json()
        user = a_user("u-2", body["username"] or body["email"], None)
        return web.json_response(user | {"email": body["email"], "role": body["role"]}, status=201)

    async def _invite(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(
            {
                "id": "i-1",
                "token": "a-link",
                "email": body["email"],
                "role": body["role"],
                "expires_at": "2026-01-08T12:00:00Z",
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response(self.api_keys)

    async def _make_key(self, request: web.Request) -> web.Response:
        body = await request.json()
        row = an_api_key(
            "k-new", body["name"], "sk-inv-99999", expires_at=body["expires_at"],
            models=body["models"],
        )  # fmt: skip
        self.api_keys.insert(0, row)
        return web.json_response({"key": row, "api_key": f"sk-inv-{'9' * 64}"})

    async def _revoke_key(self, request: web.Request) -> web.Response:
        for row in self.api_keys:
            if row["id"] == request.match_info["id"] and row["revoked_at"] is None:
                row["revoked_at"] = "2026-01-03T12:00:00Z"
                return web.Response()
        return web.json_response({"error": "not_found"}, status=404)

    async def _organization_keys(self, request: web.Request) -> web.Response:
        rows = [row for row in self.api_keys if row["organization_id"] is not None]
        return web.json_response(
            [{"key": row, "user_id": "u-1", "username": "ada"} for row in rows]
        )

    async def _limits(self, request: web.Request) -> web.Response:
        return web.json_response(self.limits)

    async def _set_limit(self, request: web.Request) -> web.Response:
        return web.json_response(a_limit("l-new", **await request.json()))

    async def _remove_limit(self, request: web.Request) -> web.Response:
        self.limits = [row for row in self.limits if row["id"] != request.match_info["id"]]
        return web.Response()

    async def _catalog(self, request: web.Request) -> web.Response:
        everything = {kind["id"]: kind for kinds in self.types.values() for kind in kinds}
        catalog = {
            "models": self.models,
            "providers": self.providers,
            "regions": self.regions,
            "zones": self.zones,
            "instance_types": list(everything.values()),
        }
        return web.json_response(catalog[request.match_info["catalog"]])

    async def _usable(self, _: web.Request) -> web.Response:
        price = {"input_per_1m_tokens_eur": 0.15, "output_per_1m_tokens_eur": 0.6}
        common = {"name": "Small", "model_id": "small/one"}
        own = {"model": "small/one", "through": "own", "price": None}
        theirs = {"model": "friends/small", "through": "share", "price": price}
        return web.json_response([common | own, common | theirs])

    async def _export(self, request: web.Request) -> web.Response:
        return web.json_response(self.catalog)

    async def _import(self, request: web.Request) -> web.Response:
        return web.json_response({"changes": self.changes})

    async def _sync(self, request: web.Request) -> web.Response:
        synced = {"provider_code": "sky", "result": "synced", "changes": self.changes}
        return self._trigger({"message": "1 providers have answered.", "providers": [synced]})

    async def _reconcile(self, request: web.Request) -> web.Response:
        return self._trigger({"message": "2 instances are looked at."})

    def _trigger(self, result: Json) -> web.Response:
        """Have a command wait that ends when it has been looked at once."""
        self.command = {
            "id": COMMAND_ID, "kind": "a", "state": "waiting", "asked_by_name": "ada",
            "asked_at": "2026-01-01T12:00:00Z", "ended_at": None, "result": None, "error": None,
        }  # fmt: skip
        self.command_result = result
        body = {"status": "triggered", "message": "…", "command_id": COMMAND_ID}
        return web.json_response(body)

    async def _command(self, request: web.Request) -> web.Response:
        """Say that it waits; and, the next time, what came of it."""
        before = dict(self.command)
        self.command["state"] = "done" if self.command_error is None else "failed"
        self.command["result"], self.command["error"] = self.command_result, self.command_error
        return web.json_response(before)

    async def _commands(self, request: web.Request) -> web.Response:
        return web.json_response([self.command] if self.command else [])

    async def _types(self, request: web.Request) -> web.Response:
        return web.json_response(self.types[request.match_info["zone"]])

    async def _list(self, request: web.Request) -> web.Response:
        rows = self.archived if request.query["archived"] == "true" else self.instances
        return web.json_response(list(rows.values()))

    async def _deploy(self, request: web.Request) -> web.Response:
        self.instances[INSTANCE_ID] = an_instance()
        self._log("REQUEST_CREATE")
        if self.interrupt_at == "deploying":
            self._interrupt()
        return web.json_response(
            {"status": "accepted", "instance_id": INSTANCE_ID, "message": "Accepted."}
        )

    async def _instance(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        row = self.instances.get(wanted) or self.archived.get(wanted)
        if row is None:
            return web.Response(status=404, text="There is no such instance.")
        answer = web.json_response(row)
        if self.interrupt_at == row["status"]:
            self._interrupt()
        elif self.coming:
            self._move(row, self.coming.pop(0))
        return answer

    def _interrupt(self) -> None:
        """Press Ctrl-C, once."""
        self.interrupt_at = ""
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)

    def _move(self, row: Json, status: str) -> None:
        row.update(status=status, progress_percent=PERCENT.get(status, 0))
        if "failed" in status:
            row.update(error_code="NO_STOCK", error_message="No machine is left")
        self._log(f"ENTERED_{status.upper()}")
        stranger = {"ids": ["someone-else"], "emitted_at": "now"}
        for watcher in self._watchers:
            watcher.put_nowait(("instance.updated", stranger))
            watcher.put_nowait(("instance.updated", {"ids": [row["id"]], "emitted_at": "now"}))

    def _log(self, action: str) -> None:
        self.logs.append(
            {
                "id": f"log-{len(self.logs)}",
                "action_type": action,
                "component": "orchestrator",
                "status": "success",
                "error_message": None,
                "duration_ms": 12,
                "created_at": "2026-01-01T12:00:00Z",
            }
        )

    async def _terminate(self, request: web.Request) -> web.Response:
        row = self.instances.get(request.match_info["id"])
        if row is None:
            return web.Response(status=404, text="There is no such instance.")
        row["status"] = "terminating"
        self.coming = ["terminated"]
        return web.Response(status=202, text="Termination accepted.")

    async def _reinstall(self, request: web.Request) -> web.Response:
        row = self.instances[request.match_info["id"]]
        if row["status"] == "terminating":
            sentence = "The instance cannot be reinstalled in its present status."
            body = {"error": "conflict", "message": "reinstall_not_possible", "detail": sentence}
            return web.json_response(body, status=409)
        row["status"] = "booting"
        self.coming = ["installing", "starting", "ready"]
        return web.Response(status=202, text="The instance is being reinstalled.")

    async def _action_logs(self, request: web.Request) -> web.Response:
        return web.json_response(self.logs[::-1][: int(request.query["limit"])])

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if not self.events_work:
            return web.Response(status=500)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b'event: hello\ndata: {"ok":true}\n\n')
        watcher: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        self._watchers.append(watcher)
        while True:
            name, data = await watcher.get()
            await stream.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self.not_routed_yet:
            self.not_routed_yet -= 1
            sentence = "No machine serves this model."
            error = {"message": sentence, "type": "unavailable", "code": "no_ready_worker"}
            return web.json_response({"error": error, "message": sentence}, status=503)
        if not (await request.json()).get("stream"):
            usage = self.chunks[-1]["usage"]
            message = {"role": "assistant", "content": "Hello you"}
            choice = {"message": message, "finish_reason": "stop"}
            return web.json_response({"choices": [choice], "usage": usage})
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        for chunk in self.chunks:
            await stream.write(f"data: {json.dumps(chunk)}\n\n".encode())
        if self.ends_streams:
            await stream.write(b"data: [DONE]\n\n")
        return stream
