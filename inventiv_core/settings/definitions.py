"""Every setting there is, and which credentials a provider wants. Clients know the keys."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from inventiv_core.catalog.entities import MOCK
from inventiv_core.settings.entities import CredentialField, Definition, Scope, ValueType
from inventiv_core.settings.errors import SettingNotGlobal, SettingUnknown

_GLOBAL, _PROVIDER = Scope.GLOBAL, Scope.PROVIDER
_INT, _BOOL, _TEXT = ValueType.INT, ValueType.BOOL, ValueType.TEXT
_DAY_S: Final = 86_400
_LAST_PORT: Final = 65_535

DATA_VOLUME_DEFAULT: Final = "WORKER_DATA_VOLUME_GB_DEFAULT"
SCALEWAY: Final = "scaleway"

ENGINE_IMAGE: Final = "WORKER_VLLM_IMAGE"
ENGINE_MODE: Final = "WORKER_VLLM_MODE"
ENGINE_PORT: Final = "WORKER_VLLM_PORT"
EXPOSE_PORTS: Final = "WORKER_EXPOSE_PORTS"
WORKER_STALE: Final = "OPENAI_WORKER_STALE_SECONDS"
WORKER_STARTUP: Final = "WORKER_INSTANCE_STARTUP_TIMEOUT_S"

_ALL: Final = (
    Definition(
        key=WORKER_STALE, scope=_GLOBAL, value_type=_INT,
        min_int=10, max_int=_DAY_S, default=120,
        description="A worker that is silent for longer gets no calls, and its model is not "
        "listed, in seconds.",
    ),
    Definition(
        key=WORKER_STARTUP, scope=_PROVIDER, value_type=_INT,
        min_int=30, max_int=_DAY_S, default=3600,
        description="How long an instance with a worker may take for each step of its start "
        "before it has failed, in seconds.",
    ),
    Definition(
        key="INSTANCE_STARTUP_TIMEOUT_S", scope=_PROVIDER, value_type=_INT,
        min_int=30, max_int=_DAY_S, default=300,
        description="The same for an instance without a worker, in seconds.",
    ),
    Definition(
        key="WORKER_SSH_BOOTSTRAP_TIMEOUT_S", scope=_PROVIDER, value_type=_INT,
        min_int=60, max_int=_DAY_S, default=900,
        description="How long the installation of a worker over SSH may take, in seconds.",
    ),
    Definition(
        key="WORKER_HEALTH_PORT", scope=_PROVIDER, value_type=_INT,
        min_int=1, max_int=_LAST_PORT, default=8080,
        description="The port on which the agent of a worker says how it is.",
    ),
    Definition(
        key=ENGINE_PORT, scope=_PROVIDER, value_type=_INT,
        min_int=1, max_int=_LAST_PORT, default=8000,
        description="The port on which a worker answers as OpenAI does.",
    ),
    Definition(
        key=DATA_VOLUME_DEFAULT, scope=_PROVIDER, value_type=_INT,
        min_int=50, max_int=5000, default=200,
        description="The data volume of a machine whose model asks for none, in gigabytes.",
    ),
    Definition(
        key=EXPOSE_PORTS, scope=_PROVIDER, value_type=_BOOL, default=True,
        description="Whether the provider's firewall lets calls to the worker's ports in.",
    ),
    Definition(
        key=ENGINE_MODE, scope=_PROVIDER, value_type=_TEXT,
        choices=("mono", "multi"), default="mono",
        description="One engine for the whole machine (mono), or one for each GPU behind a "
        "balancer (multi).",
    ),
    Definition(
        key=ENGINE_IMAGE, scope=_PROVIDER, value_type=_TEXT,
        default="vllm/vllm-openai:v0.13.0",
        description="The container image of the engine: a certain version, not the latest.",
    ),
    Definition(
        key="SCALEWAY_PROJECT_ID", scope=_PROVIDER, value_type=_TEXT, is_credential=True,
        description="The Scaleway project that pays. A credential: project_id.",
    ),
    Definition(
        key="SCALEWAY_SECRET_KEY", scope=_PROVIDER, value_type=_TEXT, is_credential=True,
        description="The secret key of Scaleway's API. A credential: secret_key.",
    ),
    Definition(
        key="SCALEWAY_SECRET_KEY_ENC", scope=_PROVIDER, value_type=_TEXT, is_credential=True,
        description="The same as it is stored: encrypted. A credential: secret_key.",
    ),
)  # fmt: skip

DEFINITIONS: Final[Mapping[str, Definition]] = MappingProxyType(
    {definition.key: definition for definition in sorted(_ALL, key=lambda known: known.key)}
)
"""Every setting, by key and in the order of the keys."""

GLOBALS: Final = tuple(known for known in DEFINITIONS.values() if known.scope is _GLOBAL)
"""What is chosen once, for everybody."""

PARAMS: Final[Mapping[str, Definition]] = MappingProxyType(
    {known.field: known for known in _ALL if known.scope is _PROVIDER and not known.is_credential}
)
"""What an organization chooses for a provider, by field."""

CREDENTIALS: Final[Mapping[str, tuple[CredentialField, ...]]] = MappingProxyType({
    MOCK: (),
    SCALEWAY: (
        CredentialField(
            name="project_id", setting="SCALEWAY_PROJECT_ID", is_secret=False,
            description="The project that machines belong to, and that pays for them.",
        ),
        CredentialField(
            name="secret_key", setting="SCALEWAY_SECRET_KEY_ENC",
            description="The secret key of an API key that may manage instances.",
        ),
        CredentialField(
            name="access_key", setting="SCALEWAY_ACCESS_KEY", is_required=False,
            is_secret=False, shows_end=True,
            description="The access key of the same API key: who it is, not a secret.",
        ),
        CredentialField(
            name="organization_id", setting="SCALEWAY_ORGANIZATION_ID", is_required=False,
            is_secret=False,
            description="The organization that the project belongs to.",
        ),
    ),
})  # fmt: skip
"""What each provider wants to know, by its code, in the order in which it is asked for."""


def global_definition(key: str) -> Definition:
    """Return the global setting of that key, spaces around it aside.

    Raises:
        SettingUnknown: There is no setting of that key.
        SettingNotGlobal: There is, but it is not for everybody.
    """
    known = DEFINITIONS.get(key.strip())
    if known is None:
        raise SettingUnknown(key=key, did_you_mean=similar(key, DEFINITIONS))
    if known.scope is not _GLOBAL:
        raise SettingNotGlobal(key=known.key)
    return known


def param_definition(field: str) -> Definition:
    """Return the parameter of a provider that is called that.

    Raises:
        SettingUnknown: There is none.
    """
    known = PARAMS.get(field)
    if known is None:
        raise SettingUnknown(key=field, did_you_mean=similar(field, PARAMS))
    return known


def similar(word: str, known: Iterable[str]) -> str | None:
    """Return which of the known words was perhaps meant."""
    small = {name.lower(): name for name in known}
    close = get_close_matches(word.strip().lower()[:100], small, n=1)
    return small[close[0]] if close else None
