"""Limits and gauges. A test names only what it is about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.inference.entities.gauges import Ask, Circle, Gauge, Hold, Measure, Per
from inventiv_core.inference.entities.limits import Issuer, Limit, LimitId
from tests.builders import ACME, NOON, a_number

MIDNIGHT = datetime(2026, 1, 2, tzinfo=NOON.tzinfo)


def a_limit(
    *,
    owner: OrganizationId | None = ACME,
    issuer: Issuer = Issuer.ORGANIZATION,
    user: UserId | None = None,
    key: ApiKeyId | None = None,
    **facts: Any,
) -> Limit:
    """Ten requests per minute, unless something else is said."""
    limit = Limit(
        id=LimitId(a_number()),
        issuer=issuer,
        organization_id=owner,
        user_id=user,
        api_key_id=key,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(limit, **(facts or {"requests_per_minute": 10}))


def a_default(**facts: Any) -> Limit:
    """One of the platform's, for every workspace."""
    return a_limit(owner=None, issuer=Issuer.PLATFORM, **facts)


def a_gauge(measure: Measure = Measure.TOKENS, per: Per = Per.MINUTE, limit: int = 10) -> Gauge:
    ends_at = MIDNIGHT if per in {Per.DAY, Per.MONTH} else None
    return Gauge(
        key=f"{{acme}}:{a_number()}",
        circle=Circle(organization_id=ACME),
        measure=measure,
        per=per,
        limit=limit,
        since=None if ends_at is None else NOON,
        ends_at=ends_at,
    )


def a_hold(*asks: Sequence[Any]) -> Hold:
    return Hold(id=a_number(), asks=[Ask(gauge, amount) for gauge, amount in asks])


def euros(text: str) -> Decimal:
    return Decimal(text)
