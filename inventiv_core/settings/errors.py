"""What can go wrong with settings and credentials."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventiv_core.kernel.errors import Invalid, NotFound


def _hint(did_you_mean: str | None) -> str:
    return f" Did you mean {did_you_mean}?" if did_you_mean else ""


@dataclass(eq=False, kw_only=True)
class SettingUnknown(Invalid):
    """There is no such setting."""

    key: str
    did_you_mean: str | None

    def __str__(self) -> str:
        return f"There is no setting {self.key!r}.{_hint(self.did_you_mean)}"


@dataclass(eq=False, kw_only=True)
class SettingNotGlobal(Invalid):
    """This is no global setting: each organization chooses it, for each provider."""

    key: str

    def __str__(self) -> str:
        return f"Each organization chooses {self.key}, for each provider: it is no global setting."


@dataclass(eq=False, kw_only=True)
class SettingInvalid(Invalid):
    """A setting cannot have this value."""

    key: str
    """The setting, as the caller has named it."""
    must: str
    """What the value must be."""
    min_int: int | None
    max_int: int | None
    choices: Sequence[str]

    def __str__(self) -> str:
        return f"{self.key!r} must be {self.must}."


@dataclass(eq=False, kw_only=True)
class ProviderUnknown(NotFound):
    """There is no provider of this code."""

    provider_code: str


@dataclass(eq=False, kw_only=True)
class CredentialUnknown(Invalid):
    """This provider takes no such credential."""

    provider_code: str
    field: str
    did_you_mean: str | None
    fields: Sequence[str]
    """What it does take."""

    def __str__(self) -> str:
        takes = f"but {', '.join(self.fields)}" if self.fields else "nor any other"
        hint = _hint(self.did_you_mean)
        provider = f"The provider {self.provider_code!r}"
        return f"{provider} takes no credential {self.field!r}, {takes}.{hint}"


@dataclass(eq=False, kw_only=True)
class CredentialInvalid(Invalid):
    """A credential cannot have this value. It is not repeated here."""

    field: str
    must: str

    def __str__(self) -> str:
        return f"{self.field!r} must be {self.must}."
