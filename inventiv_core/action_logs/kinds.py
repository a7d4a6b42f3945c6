"""What each type of action looks like to those who read of it. Clients know codes and colours."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionKind:
    """A type of action, as it is shown."""

    code: str
    label: str
    icon: str
    """One of those that the console has."""
    color_class: str
    """One of the style classes that the console has."""
    category: str | None
    is_active: bool = True


def _color(name: str, shade: int) -> str:
    return f"bg-{name}-{shade} hover:bg-{name}-{shade + 100} text-white"


_LOOKS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "create":    ("Server", _color("blue", 500)),
    "health":    ("Activity", _color("green", 500)),
    "terminate": ("AlertTriangle", _color("red", 500)),
    "repair":    ("Zap", _color("orange", 500)),
    "workbench": ("Activity", _color("indigo", 600)),
    "archive":   ("Archive", _color("gray", 500)),
    "activation": ("CheckCircle", _color("green", 500)),
    "reconcile": ("Database", _color("purple", 500)),
    "billing":   ("Database", _color("green", 500)),
    "access":    ("CheckCircle", _color("purple", 600)),
    "settings":  ("Database", _color("indigo", 500)),
    "catalog":   ("Cloud", _color("indigo", 500)),
})  # fmt: skip

_CODES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "create": (
        "REQUEST_CREATE", "EXECUTE_CREATE", "PROVIDER_CREATE", "PERSIST_PROVIDER_ID",
        "PROVIDER_START", "PROVIDER_GET_IP", "INSTANCE_CREATED",
    ),
    "health": (
        "HEALTH_CHECK", "WORKER_MODEL_READY_CHECK", "WORKER_VLLM_HTTP_OK", "WORKER_MODEL_LOADED",
        "WORKER_VLLM_WARMUP", "INSTANCE_READY", "INSTANCE_STARTUP_FAILED",
    ),
    "terminate": (
        "REQUEST_TERMINATE", "EXECUTE_TERMINATE", "PROVIDER_TERMINATE", "TERMINATION_PENDING",
        "TERMINATOR_RETRY", "TERMINATION_CONFIRMED", "INSTANCE_TERMINATED",
    ),
    "repair": ("REQUEST_REINSTALL", "EXECUTE_REINSTALL"),
    "archive": ("ARCHIVE_INSTANCE",),
    "activation": (
        "INSTANCE_TECH_ACTIVATED", "INSTANCE_TECH_DEACTIVATED", "INSTANCE_ECO_ACTIVATED",
        "INSTANCE_ECO_DEACTIVATED",
    ),
    "workbench": (
        "RUN_CREATED", "RUN_UPDATED", "RUN_DELETED", "PROJECT_CREATED", "PROJECT_UPDATED",
        "PROJECT_DELETED", "RETENTION_CHANGED",
    ),
    "reconcile": ("PROVIDER_DELETED_DETECTED", "COMMAND_TRIGGERED"),
    "catalog": (
        "PROVIDER_CREATED", "PROVIDER_UPDATED", "REGION_CREATED", "REGION_UPDATED", "ZONE_CREATED",
        "ZONE_UPDATED", "INSTANCE_TYPE_CREATED", "INSTANCE_TYPE_UPDATED",
        "OFFERING_CREATED", "OFFERING_UPDATED", "OFFERING_DELETED", "OFFERING_SHARED",
        "OFFERING_SHARE_UPDATED", "OFFERING_SHARE_REVOKED",
        "INSTANCE_TYPE_ZONES_SET", "CATALOG_SEEDED", "CATALOG_IMPORTED", "CATALOG_SYNCED",
    ),
    "access": (
        "LOGIN", "LOGIN_FAILED", "LOGOUT", "SESSION_REVOKED", "USER_REGISTERED",
        "API_KEY_CREATED", "API_KEY_UPDATED", "API_KEY_REVOKED",
        "PROFILE_UPDATED", "PASSWORD_CHANGED", "PASSWORD_RESET_REQUESTED", "PASSWORD_RESET",
        "USER_CREATED", "USER_UPDATED", "USER_DELETED",
        "ORG_CREATED", "ORG_UPDATED", "ORG_DELETED", "ORG_MEMBER_ROLE_UPDATED",
        "ORG_MEMBER_REMOVED", "ORG_INVITATION_CREATED", "ORG_INVITATION_RESENT",
        "ORG_INVITATION_REVOKED", "ORG_INVITATION_ACCEPTED",
    ),
    "billing": ("WALLET_TOPPED_UP", "PLAN_CHANGED", "TOKEN_PRICE_SET"),
    "settings": (
        "SETTING_CHANGED", "PROVIDER_PARAMS_CHANGED", "CREDENTIALS_SET", "CREDENTIALS_DELETED",
        "CREDENTIALS_TESTED", "SECRETS_ROTATED", "ACTIVATION_POLICY_CHANGED",
    ),
})  # fmt: skip

_SHOUTED: Final = frozenset({"API", "IP", "VLLM", "HTTP", "ID", "ORG"})


def _label(code: str) -> str:
    words = code.split("_")
    return " ".join(word if word in _SHOUTED else word.capitalize() for word in words)


ACTION_KINDS: Final = tuple(
    ActionKind(code=code, label=_label(code), icon=look[0], color_class=look[1], category=category)
    for category, look in sorted(_LOOKS.items())
    for code in sorted(_CODES.get(category, ()))
)
"""All of them, by category and code."""
