"""How much may be used: by whom, of which model, in which time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType, Self
from uuid import UUID

from inventiv_core.finops.entities.wallets import MICRO_EUR
from inventiv_core.identity.access import Actor, ApiKeyId, OrganizationId, UserId
from inventiv_core.inference.entities.gauges import Circle, Gauge, Measure, Per
from inventiv_core.inference.errors import LimitInvalid
from inventiv_core.kernel.money import Eur

LimitId = NewType("LimitId", UUID)

MOST: Final = 10**10
"""Of requests and tokens: beyond that, Redis would not count exactly."""
MOST_EUR: Final = 1_000_000
LONGEST_MODEL: Final = 200

_MOST_KNOWN: Final = 10_000
"""Limits of workspaces whose gauges are remembered: those of defaults grow with the callers."""


class LimitActKind(StrEnum):
    """What people do to limits."""

    INFERENCE_LIMIT_SET = "INFERENCE_LIMIT_SET"
    INFERENCE_LIMIT_REMOVED = "INFERENCE_LIMIT_REMOVED"


class Issuer(StrEnum):
    """Who sets a limit, and may take it away."""

    ORGANIZATION = "organization"
    """Its administrators, for its own people, keys and models."""
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Limits of some calls, taken together: every one of them holds.

    Those of an organization add to those of the platform: the strictest decides.
    """

    id: LimitId
    issuer: Issuer
    organization_id: OrganizationId | None
    """``None`` is the platform's default: for each workspace by itself, personal ones too."""
    user_id: UserId | None = None
    """``None`` for everybody together, as with keys and models."""
    api_key_id: ApiKeyId | None = None
    model: str | None = None
    """Its public name: a model of the catalog, or ``slug/code``."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_calls: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    eur_per_day: Eur | None = None
    """At the price of whoever serves it; what is one's own costs nothing here."""
    eur_per_month: Eur | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> tuple[object, ...]:
        """What it is about: there is one limit for each."""
        return (self.issuer, self.organization_id, self.user_id, self.api_key_id, self.model)

    @property
    def values(self) -> dict[str, int | Eur | None]:
        """The numbers, by name."""
        return {name: getattr(self, name) for name in VALUES}

    @property
    def title(self) -> str:
        """What it is about, in words, for the books."""
        whose = "key" if self.api_key_id else "user" if self.user_id else "organization"
        who = self.api_key_id or self.user_id or self.organization_id
        of_whom = "everybody" if who is None else f"{whose} {who}"
        return of_whom if self.model is None else f"{of_whom}, {self.model}"

    def validated(self) -> Self:
        """Return the limit, if it is one that can be.

        Raises:
            LimitInvalid: The first field that cannot be.
        """
        if all(value is None for value in self.values.values()):
            raise LimitInvalid(field="limits", must="at least one: remove it instead")
        for name, value in self.values.items():
            if value is None:
                continue
            if name.startswith("eur_"):
                if not _is_money(Eur(value)):
                    must = f"between {MICRO_EUR:f} and {MOST_EUR}, with at most 6 decimals"
                    raise LimitInvalid(field=name, must=must)
            elif not 1 <= value <= MOST:
                raise LimitInvalid(field=name, must=f"between 1 and {MOST}")
        if self.model is not None and not 1 <= len(self.model) <= LONGEST_MODEL:
            raise LimitInvalid(field="model", must=f"1 to {LONGEST_MODEL} characters")
        return self

    def gauges(self, caller: Actor, now: datetime) -> Iterator[Gauge]:
        """Yield what is counted of a call of the caller's. A default counts in each workspace.

        They are the same for all that day's calls in the workspace.
        """
        circle = Circle(
            organization_id=caller.organization_id,
            user_id=caller.user_id if caller.organization_id is None else self.user_id,
            api_key_id=self.api_key_id,
            model=self.model,
        )
        workspace = caller.organization_id or caller.user_id
        # braces: where Redis is a cluster, all that one call asks for is in one place
        start = f"{{{workspace}}}:{self.id}"
        for name, measure, per in _COUNTED:
            value = getattr(self, name)
            if value is None:
                continue
            since, ends_at = _period(per, now)
            yield Gauge(
                key=f"{start}:{name}" if since is None else f"{start}:{name}:{since:%Y%m%d}",
                circle=circle,
                measure=measure,
                per=per,
                limit=int(value / MICRO_EUR) if measure is Measure.MICRO_EUR else value,
                since=since,
                ends_at=ends_at,
            )


_COUNTED: Final = (
    ("requests_per_minute", Measure.REQUESTS, Per.MINUTE),
    ("tokens_per_minute", Measure.TOKENS, Per.MINUTE),
    ("concurrent_calls", Measure.CALLS, Per.MOMENT),
    ("tokens_per_day", Measure.TOKENS, Per.DAY),
    ("tokens_per_month", Measure.TOKENS, Per.MONTH),
    ("eur_per_day", Measure.MICRO_EUR, Per.DAY),
    ("eur_per_month", Measure.MICRO_EUR, Per.MONTH),
)
VALUES: Final = tuple(name for name, _, _ in _COUNTED)
"""The names of what can be limited."""


def changes(before: Limit | None, after: Limit | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the numbers that differ, as they were and as they are; ``None`` has none."""
    names = [name for name in VALUES if getattr(before, name, None) != getattr(after, name, None)]
    was = {} if before is None else {name: getattr(before, name) for name in names}
    is_now = {} if after is None else {name: getattr(after, name) for name in names}
    return was, is_now


class LimitBook:
    """All limits, by what they are about. Where there are none, a look finds that out."""

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self.limits = tuple(limits)
        self._gauges: dict[tuple[LimitId, UUID | None], tuple[date, tuple[Gauge, ...]]] = {}
        self._own: dict[OrganizationId | None, dict[tuple[object, ...], Limit]] = {}
        self._platform: dict[tuple[object, ...], Limit] = {}
        for limit in self.limits:
            if limit.issuer is Issuer.PLATFORM:
                self._platform[limit.organization_id, limit.model] = limit
            else:
                about = (limit.user_id, limit.api_key_id, limit.model)
                self._own.setdefault(limit.organization_id, {})[about] = limit

    def applying(self, caller: Actor, model: str) -> Sequence[Limit]:
        """Return the limits of a call of the caller's for a model of that public name.

        What the platform sets for an organization stands in the place of its default.
        """
        own = self._own.get(caller.organization_id)
        if own is None and not self._platform:
            return ()
        models = (None, model)
        found = [] if own is None else [own.get(about) for about in _about(caller, models)]
        found += [
            self._platform.get((caller.organization_id, name)) or self._platform.get((None, name))
            for name in models
        ]
        return [limit for limit in found if limit is not None]

    def gauges(self, caller: Actor, model: str, now: datetime) -> Sequence[Gauge]:
        """Return what is counted of a call of the caller's for that model: mostly known already."""
        if not self.limits:
            return ()
        found: list[Gauge] = []
        for limit in self.applying(caller, model):
            place = (limit.id, caller.organization_id or caller.user_id)
            day, gauges = self._gauges.get(place, (None, ()))
            if day != (today := now.date()):
                gauges = tuple(limit.gauges(caller, now))
                if len(self._gauges) >= _MOST_KNOWN:
                    self._gauges.clear()
                self._gauges[place] = (today, gauges)
            found += gauges
        return found


def _about(caller: Actor, models: tuple[str | None, ...]) -> Iterator[tuple[object, ...]]:
    for user in {None, caller.user_id}:
        for key in {None, caller.api_key_id}:
            for model in models:
                yield user, key, model


@dataclass(slots=True)
class Limits:
    """How much may be used, in memory: asked at every call, and replaced as a whole.

    Not shared between processes; each refreshes its own.
    """

    book: LimitBook = field(default_factory=LimitBook)


def _period(per: Per, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return when the period began, and when it ends, if it is one."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if per is Per.DAY:
        return today, today + timedelta(days=1)
    if per is Per.MONTH:
        first = today.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    return None, None


def _is_money(amount: Eur) -> bool:
    if not amount.is_finite() or not MICRO_EUR <= amount <= MOST_EUR:
        return False
    return amount == amount.quantize(MICRO_EUR)
