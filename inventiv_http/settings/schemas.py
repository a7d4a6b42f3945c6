"""Settings and credentials on the wire. No body ever holds a secret on its way out."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.kernel.errors import Invalid
from inventiv_core.settings.definitions import PARAMS
from inventiv_core.settings.entities import Definition, Effective, Value
from inventiv_core.settings.use_cases.credentials import CredentialsChecked
from inventiv_core.settings.views import (
    ConfigStatus,
    CredentialsDetails,
    CredentialState,
    GlobalSetting,
    ProviderParams,
)


def _int(value: Value | None) -> int | None:
    return None if isinstance(value, str | bool) else value


def _bool(value: Value | None) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Value | None) -> str | None:
    return value if isinstance(value, str) else None


class DefinitionBody(msgspec.Struct, frozen=True, kw_only=True):
    """A setting there is."""

    key: str
    scope: str
    value_type: str
    min_int: int | None
    max_int: int | None
    default_int: int | None
    default_bool: bool | None
    default_text: str | None
    description: str
    choices: list[str]
    """All the texts it may be; empty: any."""

    @classmethod
    def of(cls, known: Definition) -> Self:
        """Show a definition."""
        return cls(
            key=known.key,
            scope=known.scope,
            value_type=known.value_type,
            min_int=known.min_int,
            max_int=known.max_int,
            default_int=_int(known.default),
            default_bool=_bool(known.default),
            default_text=_text(known.default),
            description=known.description,
            choices=list(known.choices),
        )


class EffectiveBody(msgspec.Struct, frozen=True, kw_only=True):
    """The value that counts, and who has chosen it."""

    value: int | bool | str
    source: str
    """``organization``, ``global``, ``environment`` or ``default``."""

    @classmethod
    def of(cls, effective: Effective) -> Self:
        """Show a value."""
        return cls(value=effective.value, source=effective.source)


class GlobalSettingBody(msgspec.Struct, frozen=True, kw_only=True):
    """A global setting: what was chosen for it, if anything, and what counts."""

    key: str
    value_type: str
    value_int: int | None
    value_bool: bool | None
    value_text: str | None
    value_json: None = None
    effective: EffectiveBody

    @classmethod
    def of(cls, setting: GlobalSetting) -> Self:
        """Show a setting."""
        return cls(
            key=setting.definition.key,
            value_type=setting.definition.value_type,
            value_int=_int(setting.chosen),
            value_bool=_bool(setting.chosen),
            value_text=_text(setting.chosen),
            effective=EffectiveBody.of(setting.effective),
        )


class SettingAmbiguous(Invalid):
    """Send one value: that of the kind that the setting has."""


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /settings/global``. No value, or null, means: as if never chosen."""

    key: str
    value_int: int | None = None
    value_bool: bool | None = None
    value_text: str | None = None
    value_json: Any = None

    def value(self) -> Value | None:
        """Return the one value that is wanted; ``None`` for none.

        Raises:
            SettingAmbiguous: There are several, or one of a kind that no setting has.
        """
        given = [
            value
            for value in (self.value_int, self.value_bool, self.value_text, self.value_json)
            if value is not None
        ]
        if len(given) > 1 or self.value_json is not None:
            raise SettingAmbiguous
        return given[0] if given else None


class ProviderParamsBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization has chosen for a provider; null: nothing."""

    provider_id: UUID
    provider_name: str
    provider_code: str
    worker_instance_startup_timeout_s: int | None
    instance_startup_timeout_s: int | None
    worker_ssh_bootstrap_timeout_s: int | None
    worker_health_port: int | None
    worker_vllm_port: int | None
    worker_data_volume_gb_default: int | None
    worker_expose_ports: bool | None
    worker_vllm_mode: str | None
    worker_vllm_image: str | None
    effective: dict[str, EffectiveBody]
    """What counts, by the same names."""

    @classmethod
    def of(cls, params: ProviderParams) -> Self:
        """Show parameters."""
        chosen: dict[str, Any] = {
            field: params.chosen.get(known.key) for field, known in PARAMS.items()
        }
        return cls(
            provider_id=params.provider_id,
            provider_name=params.provider_name,
            provider_code=params.provider_code,
            **chosen,
            effective={
                field: EffectiveBody.of(params.effective[known.key])
                for field, known in PARAMS.items()
            },
        )


class ProviderParamsChange(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /providers/{id}/params``. What is absent stays; null: as if never chosen.

    Whatever else is in it is refused.
    """

    worker_instance_startup_timeout_s: int | UnsetType | None = UNSET
    instance_startup_timeout_s: int | UnsetType | None = UNSET
    worker_ssh_bootstrap_timeout_s: int | UnsetType | None = UNSET
    worker_health_port: int | UnsetType | None = UNSET
    worker_vllm_port: int | UnsetType | None = UNSET
    worker_data_volume_gb_default: int | UnsetType | None = UNSET
    worker_expose_ports: bool | UnsetType | None = UNSET
    worker_vllm_mode: str | UnsetType | None = UNSET
    worker_vllm_image: str | UnsetType | None = UNSET


class ConfigStatusBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the organization can rent machines at a provider."""

    provider_id: UUID
    provider_code: str
    provider_name: str
    is_configured: bool
    missing_config: list[str]

    @classmethod
    def of(cls, status: ConfigStatus) -> Self:
        """Show it."""
        return cls(
            provider_id=status.provider_id,
            provider_code=status.provider_code,
            provider_name=status.provider_name,
            is_configured=not status.missing,
            missing_config=list(status.missing),
        )


class CredentialBody(msgspec.Struct, frozen=True, kw_only=True):
    """One of the things that a provider wants to know. What it is, nobody is ever told again."""

    name: str
    description: str
    is_required: bool
    is_secret: bool
    is_set: bool
    last_four: str | None
    """The last characters, if it is not a secret."""
    changed_at: datetime | None
    changed_by: str | None
    """The user's name at the time; null: the server, at its start."""

    @classmethod
    def of(cls, state: CredentialState) -> Self:
        """Show what may be seen."""
        return cls(
            name=state.field.name,
            description=state.field.description,
            is_required=state.field.is_required,
            is_secret=state.field.is_secret,
            is_set=state.is_set,
            last_four=state.last_four,
            changed_at=state.changed_at,
            changed_by=state.changed_by_name,
        )


class CredentialsBody(msgspec.Struct, frozen=True, kw_only=True):
    """The organization's credentials at a provider."""

    provider_id: UUID
    provider_code: str
    is_configured: bool
    missing: list[str]
    fields: list[CredentialBody]

    @classmethod
    def of(cls, details: CredentialsDetails) -> Self:
        """Show them, as far as that goes."""
        missing = [field.name for field in details.missing]
        return cls(
            provider_id=details.provider_id,
            provider_code=details.provider_code,
            is_configured=details.is_complete,
            missing=missing,
            fields=[CredentialBody.of(state) for state in details.states],
        )


class CheckedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying credentials."""

    outcome: str
    """``ok``, ``denied``, ``missing_field``, ``unreachable`` or ``unsupported``."""
    detail: str
    missing: list[str]

    @classmethod
    def of(cls, checked: CredentialsChecked) -> Self:
        """Show it."""
        return cls(outcome=checked.verdict, detail=checked.sentence, missing=list(checked.missing))
