"""What belongs to one organization is nobody else's to read, count, watch or touch."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar

from inventiv_core.identity.access import HOLDERS, PLATFORM, Holder, OrganizationId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.observability.entities import (
    AnsweredRequest,
    GpuReading,
    Measurement,
    SystemReading,
)
from inventiv_core.workbench.entities import Access
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.kernel.auth import permission_of
from tests.builders import (
    ACME,
    NOON,
    Market,
    a_key,
    a_message,
    a_model,
    a_number,
    a_price,
    a_project,
    a_run,
    a_share,
    a_worker,
    an_action,
    an_invitation,
    an_offering,
    an_organization,
    given,
)
from tests.core.inference.limits import a_limit
from tests.http.access.calls import call
from tests.http.access.conftest import FOREIGN, WORKER, Credentials
from tests.http.test_routes import routes

MARK = "acme-only"
"""In whatever of ACME's has a text of its own: it must not show up anywhere else."""

BODIES = {
    ("PUT", "/organizations/current"): b'{"organization_id": "%s"}' % str(ACME).encode(),
    ("POST", "/organizations"): b'{"name": "acme"}',
    ("PUT", "/organizations/current/members/{user_id:str}"): b'{"role": "user"}',
    ("POST", "/v1/chat/completions"): b'{"model": "%s/model"}' % MARK.encode(),
    ("POST", "/v1/completions"): b'{"model": "%s/model"}' % MARK.encode(),
    ("POST", "/v1/embeddings"): b'{"model": "%s/model"}' % MARK.encode(),
    ("POST", "/workbench/runs/{run_id:str}/messages"): (
        b'{"message_index": 1, "role": "user", "content": "x"}'
    ),
    ("POST", "/workbench/runs/{run_id:str}/complete"): b'{"status": "failed"}',
}
"""Bodies that name something of ACME's."""

SHARED = frozenset({
    "zone_id", "model_id", "instance_type_id", "region_id", "provider_id", "provider_code",
    "command_id",
})  # fmt: skip
"""Parameters that name what belongs to everybody."""


class Estate:
    """Everything that ACME has, and the ids that routes ask for."""

    def __init__(self, market: Market, session: Session) -> None:
        self.model = a_model(model_id=f"{MARK}/model")
        self.instance = market.instance(
            status=InstanceStatus.READY,
            ip_address="127.0.0.1",
            provider_instance_id=MARK,
            model_id=self.model.id,
        )
        self.worker = a_worker(self.instance, vllm_port=9, metadata={"of": MARK})
        self.log = an_action(instance_id=self.instance.id, metadata={"of": MARK})
        self.invitation = an_invitation(email=f"{MARK}@example.org")
        self.key = a_key(name=MARK)
        self.partner = an_organization(id=OrganizationId(a_number()), slug="partner")
        self.offering = an_offering(self.model, code=MARK, price=a_price())
        self.project = a_project(name=MARK, org_access=Access.WRITE)
        self.run = a_run(title=MARK, org_access=Access.WRITE)
        self.message = a_message(self.run, content=MARK)
        self.share = a_share(self.offering, consumer=self.partner.id)
        self.limit = a_limit(model=MARK)
        self.ids: dict[str, object] = {
            "invitation_id": self.invitation.id,
            "token": MARK,
            "instance_id": self.instance.id,
            "session_id": session.id,
            "user_id": session.user_id,
            "key_id": self.key.id,
            "offering_id": self.offering.id,
            "share_id": self.share.id,
            "limit_id": self.limit.id,
            "project_id": self.project.id,
            "run_id": self.run.id,
            "provider_id": market.provider.id,
            "provider_code": market.provider.code,
            "region_id": market.region.id,
            "zone_id": market.zone.id,
            "organization_id": ACME,
            "model_id": market.model.id,
            "instance_type_id": market.kind.id,
            "command_id": a_number(),
        }

    @property
    def things(self) -> tuple[Any, ...]:
        """What has to be stored, in order."""
        return (
            self.model, self.instance, self.worker, self.log, self.invitation, self.key,
            self.partner, self.offering, self.share, self.project, self.run, self.message,
            self.limit,
        )  # fmt: skip

    async def measure(self, application: Application) -> None:
        """Have the machine measure something, and answer a request."""
        adapters = application.adapters
        now = adapters.clock().now()
        gpu = GpuReading(gpu_index=0, gpu_pct=50.0)
        measured = Measurement(instance_id=self.instance.id, at=now, gpus=[gpu])
        adapters.measurement_queue().put(replace(measured, system=SystemReading(load1=1.0)))
        await application.flush_measurements()(actor=PLATFORM)
        async with adapters.unit_of_work()() as work:
            await work.request_counts.add(
                [
                    AnsweredRequest(
                        instance_id=self.instance.id,
                        model_id=self.model.model_id,
                        at=now,
                        status_code=200,
                        input_tokens=1,
                        output_tokens=1,
                        total_tokens=2,
                    )
                ]
            )

    def concrete(self, path: str) -> str:
        """Return the path with ids of ACME's."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: str(self.ids[name[1]]), path)


@pytest.fixture
async def estate(
    memory: MemoryAdapters, application: Application, market: Market, credentials: Credentials
) -> Estate:
    sessions = memory.database().table(Session).values()
    acmes = next(session for session in sessions if session.current_organization_id == ACME)
    estate = Estate(market, acmes)
    await given(memory.unit_of_work(), *estate.things)
    async with memory.unit_of_work()() as work:
        image = {"WORKER_VLLM_IMAGE": MARK}
        await work.settings.put_params(ACME, market.provider.id, image, at=NOON)
    await estate.measure(application)
    await application.refresh_routes()(actor=PLATFORM)
    return estate


def everything(memory: MemoryAdapters) -> dict[tuple[str, UUID], Any]:
    """Return every row of every table."""
    database = memory.database()
    return {
        (kind.__name__, key): row for kind, rows in database.tables() for key, row in rows.items()
    }


def calls(app: Litestar, *, name: str = "owner") -> Iterator[tuple[str, str]]:
    """Yield every route that such a caller may have something to do with.

    Without those for workers, if it is not one; and, for who is there for all organizations,
    without those that are for nobody else.
    """
    others = {WORKER: set[Holder](), "root": {Holder.WORKER, Holder.GLOBAL}}
    for path, method, handler in routes(app):
        permission = permission_of(handler)
        if permission is None or HOLDERS[permission] in others.get(name, {Holder.WORKER}):
            continue
        yield method, path


def test_every_id_that_a_route_asks_for_is_tried(app: Litestar, estate: Estate) -> None:
    asked = {name for _, path in calls(app) for name in re.findall(r"\{(\w+)", path)}
    assert asked == set(estate.ids)


async def test_acme_itself_sees_what_is_its_own(
    app: Litestar, estate: Estate, credentials: Credentials
) -> None:
    """The mark can be seen at all: else nothing that follows could fail."""
    seen = {
        path
        for method, path in calls(app)
        if method == "GET" and "stream" not in path
        for answer in [await call(app, method, estate.concrete(path), headers=credentials["owner"])]
        if MARK in answer.text
    }
    assert seen >= {
        "/action_logs", "/instances", "/instances/{instance_id:str}", "/v1/models",
        "/organizations/current/invitations", "/organizations/current/api_keys",
        "/providers/params", "/offerings", "/offerings/{offering_id:str}", "/offerings/usable",
        "/workbench/runs", "/workbench/runs/search", "/workbench/runs/{run_id:str}",
        "/workbench/runs/{run_id:str}/export", "/workbench/projects",
        "/gpu/activity", "/runtime/models", "/system/activity",
    }  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
async def test_a_foreigner_sees_nothing_and_changes_nothing(
    app: Litestar, memory: MemoryAdapters, estate: Estate, credentials: Credentials, name: str
) -> None:
    start = memory.database().draft()
    before = everything(memory)
    answers: list[object] = []
    touched: list[object] = []
    claims = b'{"instance_id": "%s", "status": "ready"}' % str(estate.instance.id).encode()
    for method, path in calls(app, name=name):
        for query in ("", f"instance_id={estate.instance.id}&organization_id={ACME}&limit=1000"):
            body = BODIES.get((method, path), claims if name == WORKER else b"{}")
            memory.database().accept(start.draft())  # nobody has left, switched or signed out
            answer = await call(
                app,
                method,
                estate.concrete(path),
                headers=credentials[name],
                query=query,
                body=body,
            )
            foreign = set(re.findall(r"\{(\w+)", path)) - SHARED
            if answer.status < 300 and foreign:
                answers.append((method, path, answer))
            if MARK in answer.text.replace(body.decode(), "") and not is_no_news(method, path):
                answers.append((method, path, answer))
            after = everything(memory)
            touched += [
                (method, path, row)
                for key, row in before.items()
                if belongs(row) and after.get(key) != row
            ]
    assert answers == []
    assert touched == []


def is_no_news(method: str, path: str) -> bool:
    """Tell whether an answer says what the caller has said, or what everybody may know."""
    models = {"/models", "/models/search", "/offerings/usable"}  # the catalog is everybody's
    return (method == "POST" and path.startswith("/v1/")) or path in models


def belongs(row: Any) -> bool:
    """Tell whether a row is ACME's."""
    return ACME in {getattr(row, "organization_id", None), getattr(row, "id", None)}
