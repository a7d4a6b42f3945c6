"""A setting: what it may be, and which of the values that were chosen for it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID, uuid5

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.identity.entities.acts import Subject
from inventiv_core.kernel.secrets import SealedSecret
from inventiv_core.settings.errors import SettingInvalid

Value: TypeAlias = int | bool | str
"""What a setting may be set to."""

LONGEST_TEXT: Final = 1000
"""How many characters a value may have."""

_SUBJECTS: Final = UUID("9d1f5b7e-3c52-4f0b-8a63-5e0c1d2b7a44")
"""Makes ids of what has only a name, for the books."""


class SettingsAct(StrEnum):
    """What people do to settings, for the books."""

    SETTING_CHANGED = "SETTING_CHANGED"
    PROVIDER_PARAMS_CHANGED = "PROVIDER_PARAMS_CHANGED"
    CREDENTIALS_SET = "CREDENTIALS_SET"
    CREDENTIALS_DELETED = "CREDENTIALS_DELETED"
    CREDENTIALS_TESTED = "CREDENTIALS_TESTED"
    SECRETS_ROTATED = "SECRETS_ROTATED"


def named(kind: str, name: str) -> Subject:
    """Return something that was acted on and has no id but its name."""
    return Subject(kind=kind, id=uuid5(_SUBJECTS, f"{kind}:{name}"), name=name)


class Scope(StrEnum):
    """For whom a setting is chosen."""

    PROVIDER = "provider"
    """By each organization, for each provider."""
    GLOBAL = "global"
    """Once, for everybody."""


class ValueType(StrEnum):
    """What kind of value a setting has."""

    INT = "int"
    BOOL = "bool"
    TEXT = "text"


_KINDS: Final[Mapping[ValueType, type[Value]]] = {
    ValueType.INT: int,
    ValueType.BOOL: bool,
    ValueType.TEXT: str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A setting there is: what it means, and which values it may have."""

    key: str
    """Clients and environments know it by this name; a unit is part of it."""
    scope: Scope
    value_type: ValueType
    description: str
    default: Value | None = None
    min_int: int | None = None
    max_int: int | None = None
    choices: tuple[str, ...] = ()
    """All the texts it may be; none means any."""
    is_credential: bool = False
    """Whether it is written, encrypted, as a credential, and never as a setting."""

    @property
    def field(self) -> str:
        """Its name among the parameters of a provider."""
        return self.key.lower()

    @property
    def must(self) -> str:
        """What a value must be, to go on with "must be"."""
        match self.value_type:
            case ValueType.INT:
                return f"a whole number from {self.min_int} to {self.max_int}"
            case ValueType.BOOL:
                return "true or false"
            case ValueType.TEXT if self.choices:
                return " or ".join(self.choices)
            case ValueType.TEXT:
                return f"a text of 1 to {LONGEST_TEXT} characters, on one line"

    def read(self, value: Value, *, name: str | None = None) -> Value:
        """Return ``value`` as it is stored: texts without spaces around, choices in lower case.

        Raises:
            SettingInvalid: The setting, which the caller calls ``name``, cannot be that.
        """
        known = value
        if isinstance(known, str):
            known = known.strip()
            known = known.lower() if self.choices else known
        if type(known) is not _KINDS[self.value_type] or not self._allows(known):
            raise SettingInvalid(
                key=name or self.key,
                must=self.must,
                min_int=self.min_int,
                max_int=self.max_int,
                choices=self.choices,
            )
        return known

    def _allows(self, value: Value) -> bool:
        if isinstance(value, str):
            fits = 0 < len(value) <= LONGEST_TEXT and value.isprintable()
            return fits and (not self.choices or value in self.choices)
        at_least = self.min_int is None or value >= self.min_int
        return at_least and (self.max_int is None or value <= self.max_int)


class Source(StrEnum):
    """Who has chosen a value."""

    ORGANIZATION = "organization"
    GLOBAL = "global"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """The value that counts."""

    value: Value
    source: Source

    @property
    def value_int(self) -> int:
        """The value of a setting that is a whole number."""
        if not isinstance(self.value, int):
            raise TypeError(self.value)
        return self.value


def resolve(
    definition: Definition, *, chosen: Mapping[str, Value], environment: Mapping[str, Value]
) -> Effective:
    """Return what counts: what was ``chosen`` for its scope, the environment, or the default.

    What is stored and no longer allowed counts as not chosen: definitions may change.
    """
    value = chosen.get(definition.key)
    if value is not None and _is_allowed(definition, value):
        is_global = definition.scope is Scope.GLOBAL
        source = Source.GLOBAL if is_global else Source.ORGANIZATION
        return Effective(value=value, source=source)
    if definition.key in environment:
        return Effective(value=environment[definition.key], source=Source.ENVIRONMENT)
    if definition.default is None:
        raise LookupError(definition.key)  # a credential, which has no value to look at
    return Effective(value=definition.default, source=Source.DEFAULT)


def _is_allowed(definition: Definition, value: Value) -> bool:
    try:
        definition.read(value)
    except SettingInvalid:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """One of the things a provider wants to know before it rents machines to somebody."""

    name: str
    setting: str
    """By which name clients are told that it is missing."""
    description: str
    is_required: bool = True
    is_secret: bool = True
    """Whether it alone lets somebody in; what is not is encrypted all the same."""
    shows_end: bool = False
    """Whether people may see its last characters, to tell one from another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialPlace:
    """Where a credential belongs, and nowhere else."""

    organization_id: OrganizationId
    provider_id: ProviderId
    field: str

    def __str__(self) -> str:
        return f"credential:{self.organization_id}:{self.provider_id}:{self.field}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One field of what lets an organization rent machines at a provider."""

    organization_id: OrganizationId
    provider_id: ProviderId
    field: str
    sealed: SealedSecret
    last_four: str | None
    changed_at: datetime
    changed_by_user_id: UserId | None
    """``None`` for the platform itself, at its start."""
    changed_by_name: str | None
    """The user's name at the time."""

    @property
    def place(self) -> CredentialPlace:
        """Where it belongs."""
        return CredentialPlace(
            organization_id=self.organization_id,
            provider_id=self.provider_id,
            field=self.field,
        )
