"""Test data. Every argument has a default; a test names only what it is about."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Protocol
from uuid import UUID

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.action_logs.ports import ActionLogWork
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
)
from inventiv_core.catalog.ports import CatalogWork
from inventiv_core.deployments.entities import DeploymentRequest
from inventiv_core.finops.entities.leaks import Leak, LeakReason
from inventiv_core.finops.entities.rentals import Rental, RentalId
from inventiv_core.finops.ports.costs import RentalWork
from inventiv_core.identity.access import (
    ROLE_PERMISSIONS,
    Actor,
    ApiKeyId,
    OrganizationId,
    PlatformRole,
    Role,
    UserId,
)
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.entities.invitations import Invitation, InvitationId
from inventiv_core.identity.entities.mails import Mail, MailKind
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.inference.entities.limits import Limit
from inventiv_core.inference.ports import LimitWork
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.instances.ports import InstanceWork
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import (
    MOCK_MODEL,
    Model,
    ModelId,
    Offering,
    OfferingId,
    Price,
    Share,
    ShareId,
    ShareStatus,
    Visibility,
)
from inventiv_core.models.ports import ModelWork, OfferingWork
from inventiv_core.models.views import Channel, Grant
from inventiv_core.workbench.entities import (
    Message,
    MessageId,
    MessageRole,
    Mode,
    Project,
    ProjectId,
    Run,
    RunId,
    RunStatus,
)
from inventiv_core.workbench.ports import WorkbenchWork
from inventiv_core.workers.entities import Worker, WorkerStatus
from inventiv_core.workers.ports import WorkerWork

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACME = OrganizationId(UUID(int=0xACE))
OTHER = OrganizationId(UUID(int=0x07E))
ALICE = UserId(UUID(int=0xA11CE))
PASSWORD = "correct horse battery staple"

_numbers = count(0xA000)


def a_number() -> UUID:
    """Return an id that nothing else in the test has."""
    return UUID(int=next(_numbers))


def a_user(
    *,
    id: UserId = ALICE,
    username: str = "alice",
    password_hash: str = "-",  # noqa: S107 - nobody signs in with it
    role: PlatformRole = PlatformRole.USER,
) -> User:
    return User(
        id=id,
        username=username,
        email=f"{username}@example.org",
        password_hash=password_hash,
        role=role,
        first_name=None,
        last_name=None,
        created_at=NOON,
        updated_at=NOON,
    )


def an_organization(
    *, id: OrganizationId = ACME, slug: str = "acme", by: UserId = ALICE
) -> Organization:
    return Organization(id=id, name=slug.title(), slug=slug, created_by_user_id=by, created_at=NOON)


def a_membership(
    *, user: UserId = ALICE, organization: OrganizationId = ACME, role: Role = Role.OWNER
) -> Membership:
    return Membership(organization_id=organization, user_id=user, role=role, created_at=NOON)


def an_invitation(
    *,
    email: str = "bob@example.org",
    organization: OrganizationId = ACME,
    role: Role = Role.USER,
    **facts: Any,
) -> Invitation:
    number = a_number()
    invitation = Invitation(
        id=InvitationId(number),
        organization_id=organization,
        email=email,
        role=role,
        token_hash=f"hash of {number}",
        generation=1,
        invited_by_user_id=ALICE,
        invited_by_name="alice",
        created_at=NOON,
        expires_at=NOON + timedelta(days=7),
    )
    return replace(invitation, **facts)


def key_text(number: int = 1) -> str:
    """Return a whole API key, as programs show it."""
    return f"sk-inv-{number:064x}"


def a_key(
    text: str | None = None,
    *,
    user: UserId = ALICE,
    organization: OrganizationId | None = ACME,
    **facts: Any,
) -> ApiKey:
    number = a_number()
    text = text or key_text(number.int)
    key = ApiKey(
        id=ApiKeyId(number),
        user_id=user,
        organization_id=organization,
        name=f"key {number.int:x}",
        key_prefix=text[:12],
        key_hash=hashlib.sha256(text.encode()).hexdigest(),
        scope=KeyScope(),
        created_at=NOON,
    )
    return replace(key, **facts)


def an_actor(
    role: Role | None = Role.OWNER, *, organization: OrganizationId | None = ACME
) -> Actor:
    return Actor(
        user_id=ALICE,
        organization_id=None if role is None else organization,
        permissions=ROLE_PERMISSIONS[role],
    )


def a_mail(
    *,
    kind: MailKind = MailKind.PASSWORD_RESET,
    recipient: str = "alice@example.org",
    at: datetime = NOON,
    **facts: Any,
) -> Mail:
    mail = Mail(
        id=a_number(),
        kind=kind,
        recipient=recipient,
        link_id=a_number(),
        generation=1,
        facts={"name": "alice", "expires_at": (at + timedelta(hours=1)).isoformat()},
        created_at=at,
    )
    return replace(mail, **facts)


def a_provider(*, code: str | None = None, is_active: bool = True) -> Provider:
    number = a_number()
    code = code or f"cloud-{number.int:x}"
    return Provider(
        id=ProviderId(number), name=code.title(), code=code, description=None, is_active=is_active
    )


def a_region(provider: Provider, *, code: str = "fr-par", is_active: bool = True) -> Region:
    return Region(
        id=RegionId(a_number()),
        provider_id=provider.id,
        name=code.title(),
        code=code,
        is_active=is_active,
    )


def a_zone(region: Region, *, code: str = "fr-par-2", is_active: bool = True) -> Zone:
    return Zone(
        id=ZoneId(a_number()),
        region_id=region.id,
        provider_id=region.provider_id,
        name=code.title(),
        code=code,
        is_active=is_active,
    )


def an_instance_type(
    provider: Provider,
    *,
    code: str = "L4-1-24G",
    gpu_count: int = 1,
    vram_per_gpu_gb: int = 24,
    cost_per_hour: Decimal | None = Decimal("0.7500"),
    is_active: bool = True,
) -> InstanceType:
    return InstanceType(
        id=InstanceTypeId(a_number()),
        provider_id=provider.id,
        name=code,
        code=code,
        gpu_count=gpu_count,
        vram_per_gpu_gb=vram_per_gpu_gb,
        cpu_count=8,
        ram_gb=48,
        bandwidth_bps=2_500_000_000,
        cost_per_hour=cost_per_hour,
        is_active=is_active,
    )


def on_sale(kind: InstanceType, zone: Zone, *, is_available: bool = True) -> InstanceTypeZone:
    return InstanceTypeZone(instance_type_id=kind.id, zone_id=zone.id, is_available=is_available)


def a_model(
    *, model_id: str | None = None, required_vram_gb: int = 16, is_active: bool = True
) -> Model:
    number = a_number()
    public_name = model_id or f"acme/model-{number.int:x}"
    return Model(
        id=ModelId(number),
        name=public_name.rpartition("/")[2],
        model_id=public_name,
        required_vram_gb=required_vram_gb,
        context_length=8192,
        is_active=is_active,
        data_volume_gb=None,
        created_at=NOON,
        updated_at=NOON,
    )


def a_price(input_eur: str = "0.5", output_eur: str = "1.5", cached: str | None = None) -> Price:
    return Price(
        input_per_1m_tokens_eur=Decimal(input_eur),
        output_per_1m_tokens_eur=Decimal(output_eur),
        cached_input_per_1m_tokens_eur=None if cached is None else Decimal(cached),
    )


def an_offering(
    model: Model,
    *,
    owner: OrganizationId = ACME,
    code: str = "chat",
    price: Price | None = None,
    **facts: Any,
) -> Offering:
    offering = Offering(
        id=OfferingId(a_number()),
        organization_id=owner,
        model_id=model.id,
        name=code.title(),
        code=code,
        description=None,
        is_active=True,
        visibility=Visibility.PRIVATE,
        price=price,
        starts_at=NOON,
        ends_at=None,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(offering, **facts)


def a_share(offering: Offering, *, consumer: OrganizationId = OTHER, **facts: Any) -> Share:
    share = Share(
        id=ShareId(a_number()),
        offering_id=offering.id,
        organization_id=offering.organization_id,
        consumer_organization_id=consumer,
        status=ShareStatus.ACTIVE,
        price=None,
        starts_at=NOON,
        ends_at=None,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(share, **facts)


def a_grant(channel: Channel, consumer: OrganizationId | None, **facts: Any) -> Grant:
    """Somebody may use ``acme/chat``."""
    grant = Grant(
        channel=channel,
        consumer_organization_id=consumer,
        provider_organization_id=ACME,
        provider_slug="acme",
        code="chat",
        offering_id=OfferingId(a_number()),
        share_id=None,
        name="Chat",
        model_id="vendor/chat-8b",
        price=a_price("0.1", "0.2"),
        starts_at=NOON,
        ends_at=None,
    )
    return replace(grant, **facts)


class Market:
    """A provider with one zone, one instance type on sale there, and one model that fits.

    By default it is the mock provider and its model, so that it can be deployed for real.
    """

    def __init__(self, code: str = "mock", *, model_id: str = MOCK_MODEL) -> None:
        self.provider = a_provider(code=code)
        self.region = a_region(self.provider, code="local")
        self.zone = a_zone(self.region, code="local")
        self.kind = an_instance_type(self.provider, code="mock-local-instance")
        self.link = on_sale(self.kind, self.zone)
        self.model = a_model(model_id=model_id, required_vram_gb=0)

    @property
    def everything(self) -> tuple[Any, ...]:
        """What has to be stored, in order."""
        return self.provider, self.region, self.zone, self.kind, self.link, self.model

    def request(self, **changes: Any) -> DeploymentRequest:
        request = DeploymentRequest(
            provider_code=self.provider.code,
            zone=self.zone.code,
            instance_type=self.kind.code,
            model_id=self.model.id,
        )
        return replace(request, **changes)

    def instance(
        self, *, owner: OrganizationId = ACME, at: datetime = NOON, **facts: Any
    ) -> Instance:
        instance = Instance.request(
            id=InstanceId(a_number()),
            organization_id=owner,
            provider_id=self.provider.id,
            zone_id=self.zone.id,
            instance_type_id=self.kind.id,
            model_id=self.model.id,
            at=at,
        )
        return replace(instance, **facts)


def an_action(
    action_type: ActionType = ActionType.REQUEST_CREATE,
    *,
    owner: OrganizationId = ACME,
    instance_id: UUID | None = None,
    at: datetime = NOON,
    metadata: Mapping[str, Any] | None = None,
) -> ActionLog:
    return ActionLog.begin(
        action_type,
        id=ActionLogId(a_number()),
        actor=an_actor(organization=owner),
        organization_id=owner,
        instance_id=instance_id or a_number(),
        at=at,
        metadata=metadata,
    )


def a_leak(**facts: Any) -> Leak:
    """Pay for a machine at the mock provider that nobody wants."""
    number = a_number()
    leak = Leak(
        id=number,
        provider_code="mock",
        machine_id=str(number),
        zone="local",
        instance_type="mock-local-instance",
        organization_id=ACME,
        instance_id=a_number(),
        reason=LeakReason.STRAY,
        since=NOON,
        until=None,
        cost_per_hour=None,
        volumes_per_hour=ZERO_EUR,
    )
    return replace(leak, **facts)


def a_rental(
    instance: Instance, *, start: datetime, end: datetime | None = None, **facts: Any
) -> Rental:
    """Rent a machine for an instance, which may be older than the request."""
    number = a_number()
    rental = Rental(
        id=RentalId(number),
        organization_id=instance.organization_id,
        instance_id=instance.id,
        provider_id=instance.provider_id,
        zone_id=instance.zone_id,
        instance_type_id=instance.instance_type_id,
        machine_id=str(number),
        started_at=start,
        ended_at=end,
    )
    return replace(rental, **facts)


def a_worker(instance: Instance, *, at: datetime = NOON, **facts: Any) -> Worker:
    worker = Worker(
        instance_id=instance.id,
        status=WorkerStatus.READY,
        registered_at=at,
        last_heartbeat_at=at,
    )
    return replace(worker, **facts)


def a_project(
    *, owner: UserId = ALICE, organization: OrganizationId | None = ACME, **facts: Any
) -> Project:
    number = a_number()
    project = Project(
        id=ProjectId(number),
        owner_user_id=owner,
        organization_id=organization,
        name=f"project {number.int:x}",
        org_access=None,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(project, **facts)


def a_run(
    *,
    by: UserId = ALICE,
    organization: OrganizationId | None = ACME,
    at: datetime = NOON,
    **facts: Any,
) -> Run:
    run = Run(
        id=RunId(a_number()),
        organization_id=organization,
        created_by_user_id=by,
        created_via_api_key_id=None,
        project_id=None,
        title=None,
        model_id="vendor/chat-8b",
        mode=Mode.CHAT,
        status=RunStatus.IN_PROGRESS,
        ttft_ms=None,
        duration_ms=None,
        error_message=None,
        input_tokens=None,
        output_tokens=None,
        cached_input_tokens=None,
        cost_eur=None,
        message_count=0,
        org_access=None,
        created_at=at,
        started_at=at,
        updated_at=at,
        completed_at=None,
    )
    return replace(run, **facts)


def a_message(run: Run, index: int = 1, content: str = "Hello", **facts: Any) -> Message:
    message = Message(
        id=MessageId(a_number()),
        run_id=run.id,
        message_index=index,
        sent_index=index,
        role=MessageRole.USER,
        content=content,
        created_at=NOON,
    )
    return replace(message, **facts)


class WholeWork(
    ActionLogWork,
    CatalogWork,
    IdentityWork,
    InstanceWork,
    LimitWork,
    ModelWork,
    OfferingWork,
    RentalWork,
    WorkbenchWork,
    WorkerWork,
    Protocol,
):
    """What a test may prepare."""


Thing = (
    User | ApiKey | Organization | Membership | Invitation | Provider | Region | Zone | InstanceType
    | InstanceTypeZone | Model | Offering | Share | Instance | Rental | Worker | ActionLog
    | Project | Run | Message | Limit
)  # fmt: skip


async def given(unit_of_work: UnitOfWork[Any], *things: Thing) -> None:
    """Store ``things`` through the ports, so that any world can be prepared."""
    async with unit_of_work() as work:
        for thing in things:
            await _store(thing, work)


async def _store(thing: Thing, work: WholeWork) -> None:  # noqa: C901, PLR0912 - a table
    match thing:
        case User():
            await work.users.add(thing)
        case Organization():
            await work.organizations.add(thing)
        case Membership():
            await work.organizations.add_member(thing)
        case Invitation():
            await work.invitations.add(thing)
        case ApiKey():
            await work.api_keys.add(thing)
        case Provider():
            await work.catalog.add_provider(thing)
        case Region():
            await work.catalog.add_region(thing)
        case Zone():
            await work.catalog.add_zone(thing)
        case InstanceType():
            await work.catalog.add_instance_type(thing, at=NOON)
        case InstanceTypeZone():
            await work.catalog.put_on_sale(thing)
        case Model():
            await work.models.add(thing)
        case Offering():
            await work.offerings.add(thing)
        case Share():
            await work.offerings.add_share(thing)
        case Instance():
            await work.instances.add(thing)
        case Rental():
            await work.rentals.begin(thing)
        case Project():
            await work.projects.add(thing)
        case Run():
            await work.runs.add(thing, {})
        case Message():
            await work.runs.add_message(thing)
        case Limit():
            await work.limits.put(thing)
        case Worker():
            await work.workers.put(thing)
        case ActionLog():
            await work.action_logs.put(thing)


async def given_teams(unit_of_work: UnitOfWork[Any], *more: Thing) -> None:
    """Store Alice, who owns two organizations, and then ``more``."""
    things: Iterable[Thing] = (
        a_user(),
        an_organization(id=ACME, slug="acme"),
        an_organization(id=OTHER, slug="other"),
        a_membership(organization=ACME),
        *more,
    )
    await given(unit_of_work, *things)
