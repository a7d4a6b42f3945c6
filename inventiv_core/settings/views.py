"""Settings as people look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.settings.entities import (
    Credential,
    CredentialField,
    Definition,
    Effective,
    Value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenParams:
    """What an organization has chosen for one provider, if anything."""

    provider_id: ProviderId
    provider_name: str
    provider_code: str
    chosen: Mapping[str, Value]
    """By key; what is not in it was not chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderParams(ChosenParams):
    """The same, with what counts."""

    effective: Mapping[str, Effective]
    """Of every parameter, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalSetting:
    """A global setting, what was chosen for it, and what counts."""

    definition: Definition
    chosen: Value | None
    effective: Effective


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFieldsSet:
    """Which credentials an organization has at one provider."""

    provider_id: ProviderId
    provider_name: str
    provider_code: str
    fields: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigStatus:
    """Whether an organization can rent machines at one provider."""

    provider_id: ProviderId
    provider_name: str
    provider_code: str
    missing: Sequence[str]
    """What has to be set first, by the names that clients know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialState:
    """A field that a provider wants, as far as anybody may ever see it again."""

    field: CredentialField
    is_set: bool
    last_four: str | None
    changed_at: datetime | None
    changed_by_name: str | None

    @classmethod
    def of(cls, field: CredentialField, known: Credential | None) -> Self:
        """Return what may be seen of a credential; ``None``: it is not set."""
        if known is None:
            return cls(
                field=field, is_set=False, last_four=None, changed_at=None, changed_by_name=None
            )
        return cls(
            field=field,
            is_set=True,
            last_four=known.last_four,
            changed_at=known.changed_at,
            changed_by_name=known.changed_by_name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsDetails:
    """The credentials of one organization at one provider."""

    provider_id: ProviderId
    provider_code: str
    states: Sequence[CredentialState]
    is_known: bool
    """Whether anybody has said what this provider wants, be it nothing."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.is_known and not self.missing

    @property
    def missing(self) -> Sequence[CredentialField]:
        """What is wanted, and not there."""
        return [
            state.field for state in self.states if state.field.is_required and not state.is_set
        ]
