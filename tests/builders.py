"""Test data. Every argument has a default; a test names only what it is about."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from inventiv_adapters.testing.markets import (
    Market,
    a_model,
    a_provider,
    a_region,
    a_zone,
    an_instance_type,
    on_sale,
)
from inventiv_adapters.testing.people import (
    ACME,
    ALICE,
    OTHER,
    a_membership,
    a_number,
    a_user,
    an_actor,
    an_organization,
)
from inventiv_adapters.testing.stores import Thing, given, given_teams
from inventiv_adapters.testing.times import NOON
from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.finops.entities.leaks import Leak, LeakReason
from inventiv_core.finops.entities.rentals import Rental, RentalId
from inventiv_core.identity.access import (
    ApiKeyId,
    OrganizationId,
    Role,
    UserId,
)
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.entities.invitations import Invitation, InvitationId
from inventiv_core.identity.entities.mails import Mail, MailKind
from inventiv_core.instances.entities import Instance
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.models.entities import (
    Model,
    Offering,
    OfferingId,
    Price,
    Share,
    ShareId,
    ShareStatus,
    Visibility,
)
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
from inventiv_core.workers.entities import Worker, WorkerStatus

__all__ = [  # beside what is defined here
    "ACME",
    "ALICE",
    "NOON",
    "OTHER",
    "Market",
    "Thing",
    "a_membership",
    "a_model",
    "a_number",
    "a_provider",
    "a_region",
    "a_user",
    "a_zone",
    "an_actor",
    "an_instance_type",
    "an_organization",
    "given",
    "given_teams",
    "on_sale",
]

PASSWORD = "correct horse battery staple"


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
