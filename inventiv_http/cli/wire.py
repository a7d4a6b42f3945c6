"""What the server says, as far as the command line reads it: names and units of the API."""

import json
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, cast

from inventiv_http.cli.errors import CommandFailed

Json = dict[str, Any]
Row = TypeVar("Row")


class Me(TypedDict):
    """Who is asking, and for which organization."""

    username: str
    email: str
    current_organization_id: str | None
    current_organization_name: str | None
    current_organization_role: str | None


class Organization(TypedDict):
    """A team that the caller belongs to; the role is the caller's."""

    id: str
    name: str
    slug: str
    role: str
    member_count: int


class Member(TypedDict):
    """Somebody who belongs to an organization; the date is the membership's."""

    user_id: str
    username: str
    email: str
    first_name: str | None
    last_name: str | None
    role: str
    created_at: str


class User(TypedDict):
    """Somebody who may sign in."""

    id: str
    username: str
    email: str
    role: str
    first_name: str | None
    last_name: str | None
    created_at: str


class Invited(TypedDict):
    """An invitation that was sent; its token is said this once."""

    id: str
    token: str
    email: str
    role: str
    expires_at: str


class ApiKey(TypedDict):
    """What a key is known by; without an organization it works in the personal workspace."""

    id: str
    name: str
    key_prefix: str
    organization_id: str | None
    organization_name: str | None
    models: list[str] | None
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None


class OrganizationKey(TypedDict):
    """A key of the organization, and whose it is."""

    key: ApiKey
    username: str


class Limit(TypedDict):
    """How much of models may be used; what is null has no limit."""

    id: str
    set_by: str
    organization_id: str | None
    user_id: str | None
    api_key_id: str | None
    model: str | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_calls: int | None
    tokens_per_day: int | None
    tokens_per_month: int | None
    eur_per_day: float | None
    eur_per_month: float | None


class MadeApiKey(TypedDict):
    """A key that was just made; it is said this once."""

    key: ApiKey
    api_key: str


class Model(TypedDict):
    """A model of the catalog; `model_id` is its public name, `id` the server's own."""

    id: str
    name: str
    model_id: str
    required_vram_gb: int
    context_length: int


class PriceOfTokens(TypedDict):
    """What a million tokens cost."""

    input_per_1m_tokens_eur: float
    output_per_1m_tokens_eur: float


class Usable(TypedDict):
    """Something that the workspace may use; `model` is what to send."""

    model: str
    name: str
    model_id: str
    through: str
    price: PriceOfTokens | None


class Provider(TypedDict):
    """Someone who rents machines out."""

    id: str
    name: str
    code: str
    is_active: bool


class Region(TypedDict):
    """Where a provider is."""

    id: str
    provider_id: str
    is_active: bool


class Zone(TypedDict):
    """A place in a region."""

    id: str
    region_id: str
    code: str
    is_active: bool


class InstanceType(TypedDict):
    """A kind of machine; the price is in EUR per hour."""

    id: str
    provider_id: str
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cpu_count: int
    ram_gb: int
    is_active: bool
    cost_per_hour: float | None


class SettingDefinition(TypedDict):
    """A setting there is."""

    key: str
    scope: str
    value_type: str
    description: str


class Effective(TypedDict):
    """The value that counts, and who has chosen it."""

    value: int | bool | str
    source: str


class GlobalSetting(TypedDict):
    """A setting that holds for all organizations."""

    key: str
    effective: Effective


class ProviderParams(TypedDict):
    """What counts for the organization at one provider, by field."""

    provider_id: str
    provider_code: str
    effective: dict[str, Effective]


class CredentialField(TypedDict):
    """One of the things that a provider wants to know."""

    name: str
    is_required: bool
    is_secret: bool
    is_set: bool
    last_four: str | None
    changed_at: str | None
    changed_by: str | None


class Credentials(TypedDict):
    """The organization's credentials at a provider."""

    provider_code: str
    missing: list[str]
    fields: list[CredentialField]


class Checked(TypedDict):
    """What came of trying credentials."""

    outcome: str
    detail: str


class Term(TypedDict):
    """One line of an estimate."""

    name: str
    formula: str
    value: int
    unit: str


class MachineFit(TypedDict):
    """Whether a model fits on an instance type; the price is in EUR per hour."""

    provider_code: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cost_per_hour: float | None
    zones: list[str]
    fits: bool
    is_deployable: bool
    sentence: str | None
    max_context: int | None
    max_concurrency: int | None


class Demand(TypedDict):
    """What an estimate is for."""

    context: int
    concurrency: int


class Fit(TypedDict):
    """Where a model fits: what fits first, the cheapest first."""

    sentence: str
    demand: Demand
    terms: list[Term]
    machines: list[MachineFit]


class TimeToReady(TypedDict):
    """How long until it serves; None is not known."""

    boots: int
    p50_s: float | None
    p90_s: float | None


class Plan(TypedDict):
    """What a deployment would be; the amounts are in EUR."""

    plan_id: str
    expires_at: str
    zone: str
    instance_type: str
    price_per_hour_eur: float | None
    price_per_day_eur: float | None
    price_per_month_eur: float | None
    time_to_ready: TimeToReady
    fit: Fit


class Instance(TypedDict):
    """A machine, from request to archive; the names are for display, the costs in EUR."""

    id: str
    status: str
    provider_name: str
    zone: str
    instance_type: str
    model_name: str | None
    model_code: str | None
    ip_address: str | None
    error_code: str | None
    error_message: str | None
    cost_per_hour: float | None
    total_cost: float | None
    progress_percent: int
    created_at: str


class ActionLog(TypedDict):
    """Something that was done to an instance, or is being done."""

    id: str
    action_type: str
    component: str
    status: str
    error_message: str | None
    duration_ms: int | None
    created_at: str


class CatalogChange(TypedDict):
    """One entry of the catalog that is not what it was."""

    action: str
    entry: str
    code: str
    after: Json


class CatalogImported(TypedDict):
    """What an import has changed."""

    changes: list[CatalogChange]


class SyncedProvider(TypedDict):
    """What a sync has changed of one provider."""

    provider_code: str
    result: str
    changes: list[CatalogChange]


class CatalogSynced(TypedDict):
    """What a sync has changed."""

    message: str
    providers: list[SyncedProvider]


class Command(TypedDict):
    """Something that was triggered, and what came of it."""

    id: str
    kind: str
    state: str
    asked_by_name: str | None
    asked_at: str
    ended_at: str | None
    result: Json | None
    error: str | None


class Deployed(TypedDict):
    """The answer to a request for a machine."""

    status: str
    instance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to deploy, in the catalog's codes."""

    provider: str
    zone: str
    type: str

    def __str__(self) -> str:
        return f"{self.provider} / {self.zone} / {self.type}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something changed; `instance_ids` is None when it does not say what."""

    name: str
    instance_ids: frozenset[str] | None

    @classmethod
    def read(cls, name: str, data: str) -> "Event":
        """Understand an event of the stream; what cannot be understood may concern anyone."""
        try:
            said: object = json.loads(data)
        except ValueError:
            said = None
        key = {"instance.updated": "ids", "action_log.created": "instance_ids"}.get(name)
        ids = cast("Json", said).get(key) if key and isinstance(said, dict) else None
        if not isinstance(ids, list):
            return cls(name=name, instance_ids=None)
        return cls(name=name, instance_ids=frozenset(map(str, cast("list[object]", ids))))

    def may_concern(self, instance_id: str) -> bool:
        """Tell whether this instance should be looked at again."""
        return self.instance_ids is None or instance_id in self.instance_ids


def parsed(text: str) -> object:
    """Understand an answer as JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise _not_ours(expected="JSON") from error


def read_object(answer: object) -> Json:
    """Take an answer for an object of any shape."""
    if not isinstance(answer, dict):
        raise _not_ours(expected="object")
    return cast("Json", answer)


def read_row(kind: type[Row], answer: object) -> Row:
    """Take an answer for a row of this kind, if it has all that such a row has."""
    if not kind.__annotations__.keys() <= read_object(answer).keys():
        raise _not_ours(expected=kind.__name__)
    return cast("Row", answer)


def read_rows(kind: type[Row], answer: object) -> list[Row]:
    """Take an answer for a list of rows of this kind."""
    if not isinstance(answer, list):
        raise _not_ours(expected=f"list of {kind.__name__}")
    return [read_row(kind, row) for row in cast("list[object]", answer)]


def _not_ours(*, expected: str) -> CommandFailed:
    return CommandFailed(
        sentence=f"The server's answer is not the {expected} that was asked for.",
        advice="Check that the address is an Inventiv server's, and that the versions agree.",
    )
