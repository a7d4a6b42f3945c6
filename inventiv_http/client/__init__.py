"""An Inventiv server, for other programs: `AsyncInventiv` for those that await, else `Inventiv`.

Both have the same methods, which say what the server's API says: names, units, and strings where
JSON has strings. What has no method yet can be sent as a `Call`. Needs the extra ``client`` alone.
"""

from inventiv_http.client.asynchronous import AsyncInventiv
from inventiv_http.client.calls import Call, Session, Stream
from inventiv_http.client.catalog import (
    CatalogChange,
    CatalogImported,
    CatalogSynced,
    InstanceType,
    Provider,
    Region,
    SyncedProvider,
    Zone,
)
from inventiv_http.client.connection import Patience
from inventiv_http.client.errors import BrokenOff, CallFailed, NotUnderstood, Refused, Unreachable
from inventiv_http.client.fleet import ActionLog, Deployed, Instance, Place, Plan, TimeToReady
from inventiv_http.client.identity import (
    Invited,
    LoggedIn,
    Me,
    Member,
    Organization,
    Status,
    User,
    Workspace,
)
from inventiv_http.client.inference import Completion, ServedModel, ServedModels
from inventiv_http.client.keys import ApiKey, Limit, LimitChanges, MadeApiKey, OrganizationKey
from inventiv_http.client.models import Demand, Fit, MachineFit, Model, PriceOfTokens, Term, Usable
from inventiv_http.client.money import (
    Allocation,
    Burning,
    BurningInstance,
    CostSummary,
    Cumulated,
    Spending,
    SpentOnInstance,
    SpentOnType,
    Statement,
    StatementLine,
    ToppedUp,
    Wallet,
    Whose,
)
from inventiv_http.client.operating import Command, Health, Triggered
from inventiv_http.client.reading import Json
from inventiv_http.client.realtime import Event
from inventiv_http.client.settings import (
    Checked,
    CredentialField,
    Credentials,
    Effective,
    GlobalSetting,
    ProviderParams,
    SettingDefinition,
)
from inventiv_http.client.synchronous import Inventiv

__all__ = [
    "ActionLog",
    "Allocation",
    "ApiKey",
    "AsyncInventiv",
    "BrokenOff",
    "Burning",
    "BurningInstance",
    "Call",
    "CallFailed",
    "CatalogChange",
    "CatalogImported",
    "CatalogSynced",
    "Checked",
    "Command",
    "Completion",
    "CostSummary",
    "CredentialField",
    "Credentials",
    "Cumulated",
    "Demand",
    "Deployed",
    "Effective",
    "Event",
    "Fit",
    "GlobalSetting",
    "Health",
    "Instance",
    "InstanceType",
    "Inventiv",
    "Invited",
    "Json",
    "Limit",
    "LimitChanges",
    "LoggedIn",
    "MachineFit",
    "MadeApiKey",
    "Me",
    "Member",
    "Model",
    "NotUnderstood",
    "Organization",
    "OrganizationKey",
    "Patience",
    "Place",
    "Plan",
    "PriceOfTokens",
    "Provider",
    "ProviderParams",
    "Refused",
    "Region",
    "ServedModel",
    "ServedModels",
    "Session",
    "SettingDefinition",
    "Spending",
    "SpentOnInstance",
    "SpentOnType",
    "Statement",
    "StatementLine",
    "Status",
    "Stream",
    "SyncedProvider",
    "Term",
    "TimeToReady",
    "ToppedUp",
    "Triggered",
    "Unreachable",
    "Usable",
    "User",
    "Wallet",
    "Whose",
    "Workspace",
    "Zone",
]
