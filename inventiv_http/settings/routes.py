"""``/settings``, and what organizations choose at ``/providers``"""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.secrets import Secret
from inventiv_core.settings.use_cases.credentials import (
    CheckCredentials,
    DeleteCredentials,
    GetCredentials,
    ListConfigStatus,
    SetCredentials,
)
from inventiv_core.settings.use_cases.globals import (
    ChangeGlobalSetting,
    ListGlobalSettings,
    ListSettingDefinitions,
)
from inventiv_core.settings.use_cases.params import ChangeProviderParams, ListProviderParams
from inventiv_http.kernel.auth import needs
from inventiv_http.settings.schemas import (
    CheckedBody,
    ConfigStatusBody,
    CredentialsBody,
    DefinitionBody,
    GlobalSettingBody,
    ProviderParamsBody,
    ProviderParamsChange,
    SettingChange,
)


def _done() -> Response[bytes]:
    """Answer with nothing but success, as clients know it."""
    return Response(b"", media_type="text/plain")


class GlobalSettings(Controller):
    """What holds for everybody."""

    path = "/settings"
    opt = needs(Permission.MANAGE_PLATFORM)
    tags = ["settings"]  # noqa: RUF012 - Litestar reads it from the class

    @get(
        "/definitions", opt=needs(Permission.VIEW_CATALOG), summary="List which settings there are"
    )
    async def definitions(
        self,
        actor: NamedDependency[Actor],
        list_setting_definitions: NamedDependency[ListSettingDefinitions],
    ) -> list[DefinitionBody]:
        return [DefinitionBody.of(known) for known in await list_setting_definitions(actor=actor)]

    @get("/global", summary="List global settings")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_global_settings: NamedDependency[ListGlobalSettings],
    ) -> list[GlobalSettingBody]:
        return [GlobalSettingBody.of(row) for row in await list_global_settings(actor=actor)]

    @put("/global", media_type="text/plain", summary="Change a global setting")
    async def change(
        self,
        data: JSONBody[SettingChange],
        actor: NamedDependency[Actor],
        change_global_setting: NamedDependency[ChangeGlobalSetting],
    ) -> Response[bytes]:
        await change_global_setting(data.key, data.value(), actor=actor)
        return _done()


class ProviderSettings(Controller):
    """What an organization chooses for its providers."""

    path = "/providers"
    opt = needs(Permission.VIEW_SETTINGS)
    tags = ["settings"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/params", summary="List the parameters of providers")
    async def params(
        self,
        actor: NamedDependency[Actor],
        list_provider_params: NamedDependency[ListProviderParams],
    ) -> list[ProviderParamsBody]:
        return [ProviderParamsBody.of(row) for row in await list_provider_params(actor=actor)]

    @put(
        "/{provider_id:str}/params",
        media_type="text/plain",
        opt=needs(Permission.MANAGE_SETTINGS),
        summary="Change the parameters of a provider",
    )
    async def change_params(
        self,
        request: Request[Any, Any, Any],
        provider_id: FromPath[UUID],
        data: JSONBody[ProviderParamsChange],  # noqa: ARG002 - checks the kinds of the values
        actor: NamedDependency[Actor],
        change_provider_params: NamedDependency[ChangeProviderParams],
    ) -> Response[bytes]:
        # as it was sent, for a name that is wrong must not pass for one that is absent
        changes = await request.json()
        await change_provider_params(ProviderId(provider_id), changes, actor=actor)
        return _done()

    @get("/config-status", summary="Where can machines be rented?")
    async def config_status(
        self,
        actor: NamedDependency[Actor],
        list_config_status: NamedDependency[ListConfigStatus],
    ) -> list[ConfigStatusBody]:
        return [ConfigStatusBody.of(status) for status in await list_config_status(actor=actor)]


class Credentials(Controller):
    """What lets an organization rent machines: written, tried and deleted, and never read."""

    path = "/providers/{provider_code:str}/credentials"
    opt = needs(Permission.MANAGE_SETTINGS)
    tags = ["settings"]  # noqa: RUF012 - Litestar reads it from the class

    @get(opt=needs(Permission.VIEW_SETTINGS), summary="Which credentials are set?")
    async def look(
        self,
        provider_code: FromPath[str],
        actor: NamedDependency[Actor],
        get_credentials: NamedDependency[GetCredentials],
    ) -> CredentialsBody:
        return CredentialsBody.of(await get_credentials(provider_code, actor=actor))

    @put(summary="Set credentials: what is absent stays, null deletes")
    async def write(
        self,
        provider_code: FromPath[str],
        data: JSONBody[dict[str, str | None]],
        actor: NamedDependency[Actor],
        set_credentials: NamedDependency[SetCredentials],
    ) -> CredentialsBody:
        changes = {name: None if text is None else Secret(text) for name, text in data.items()}
        return CredentialsBody.of(await set_credentials(provider_code, changes, actor=actor))

    @delete(status_code=200, summary="Delete all credentials")
    async def remove(
        self,
        provider_code: FromPath[str],
        actor: NamedDependency[Actor],
        delete_credentials: NamedDependency[DeleteCredentials],
    ) -> CredentialsBody:
        return CredentialsBody.of(await delete_credentials(provider_code, actor=actor))

    @post("/test", status_code=200, summary="Try credentials, with a call that changes nothing")
    async def check(
        self,
        provider_code: FromPath[str],
        actor: NamedDependency[Actor],
        check_credentials: NamedDependency[CheckCredentials],
    ) -> CheckedBody:
        return CheckedBody.of(await check_credentials(provider_code, actor=actor))
