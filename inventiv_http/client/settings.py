"""What may be changed at run time: settings, and credentials of providers."""

from collections.abc import Mapping
from types import NoneType
from typing import TypedDict

from inventiv_http.client.calls import Call, call

CREDENTIALS = "/providers/{provider_code}/credentials"


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


class Settings:
    """What an operator may change while the servers run."""

    @call
    def setting_definitions(self) -> Call[list[SettingDefinition]]:
        """List which settings there are."""
        return Call(path="/settings/definitions", answer=list[SettingDefinition])

    @call
    def global_settings(self) -> Call[list[GlobalSetting]]:
        """List what holds for all organizations."""
        return Call(path="/settings/global", answer=list[GlobalSetting])

    @call
    def change_global_setting(
        self,
        key: str,
        value: int | bool | str | None,  # noqa: FBT001 - what it is chosen to be
        *,
        value_type: str,
    ) -> Call[None]:
        """Choose a value for all organizations; None forgets it.

        The type is the definition's: ``int``, ``bool`` or ``text``.
        """
        return Call(
            method="PUT",
            path="/settings/global",
            body={"key": key, f"value_{value_type}": value},
            answer=NoneType,
        )

    @call
    def provider_params(self) -> Call[list[ProviderParams]]:
        """List what counts for the organization at each provider."""
        return Call(path="/providers/params", answer=list[ProviderParams])

    @call
    def change_provider_params(
        self, provider_id: str, values: Mapping[str, int | bool | str | None]
    ) -> Call[None]:
        """Choose values for the organization at a provider; None forgets one."""
        return Call(
            method="PUT",
            path="/providers/{provider_id}/params",
            ids={"provider_id": provider_id},
            body={**values},
            answer=NoneType,
        )

    @call
    def credentials(self, provider_code: str) -> Call[Credentials]:
        """Say which credentials the organization has at a provider: never what they are."""
        return Call(path=CREDENTIALS, ids={"provider_code": provider_code}, answer=Credentials)

    @call
    def set_credentials(
        self, provider_code: str, fields: Mapping[str, str | None]
    ) -> Call[Credentials]:
        """Set credentials; None deletes one."""
        return Call(
            method="PUT",
            path=CREDENTIALS,
            ids={"provider_code": provider_code},
            body={**fields},
            answer=Credentials,
        )

    @call
    def delete_credentials(self, provider_code: str) -> Call[Credentials]:
        """Delete all credentials at a provider."""
        return Call(
            method="DELETE",
            path=CREDENTIALS,
            ids={"provider_code": provider_code},
            answer=Credentials,
        )

    @call
    def check_credentials(self, provider_code: str) -> Call[Checked]:
        """Have the server try the credentials at a provider, with one call that changes nothing."""
        return Call(
            method="POST",
            path=CREDENTIALS + "/test",
            ids={"provider_code": provider_code},
            answer=Checked,
        )
