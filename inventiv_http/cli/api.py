"""An Inventiv server, as the command line calls it: every call has a deadline."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from ipaddress import ip_address
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, aconnect_sse

from inventiv_http.cli.amounts import CostSummary, Spending, Statement, ToppedUp, Wallet
from inventiv_http.cli.errors import CommandFailed, Refused, Unreachable
from inventiv_http.cli.refusals import refusal
from inventiv_http.cli.wire import (
    ActionLog,
    ApiKey,
    CatalogChange,
    CatalogImported,
    Checked,
    Command,
    Credentials,
    Deployed,
    Event,
    Fit,
    GlobalSetting,
    Instance,
    InstanceType,
    Invited,
    Json,
    Limit,
    MadeApiKey,
    Me,
    Member,
    Model,
    Organization,
    OrganizationKey,
    Place,
    Plan,
    Provider,
    ProviderParams,
    Region,
    Row,
    SettingDefinition,
    Usable,
    User,
    Zone,
    parsed,
    read_object,
    read_row,
    read_rows,
)

CONNECT_S = 5.0
CALL_S = 30.0
HEALTH_S = 2.0
# A large document takes a while, and so do providers.
CATALOG_S = 90.0
# The server says something every 15 s on a stream of events, if only that it is there.
EVENTS_SILENCE_S = 45.0
# A model may think for long before its first token, and between two.
TOKENS_SILENCE_S = 120.0
COMPLETION_S = 600.0
# Reading, and asking to terminate, do no harm when repeated.
RETRY_PAUSES_S = (0.2, 0.8)
RECONNECT_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
REPEATABLE = frozenset({"GET", "DELETE"})
COMPLETIONS = "/v1/chat/completions"
SESSION_COOKIE = "inventiv_session"


def _is_on_this_machine(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Server:
    """One server and one caller, inside ``async with``.

    Raises `Refused` when the server says no, `Unreachable` when it says nothing.
    """

    def __init__(
        self, url: str, token: str = "", *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.url = url
        self.token = token
        """What the session is known by: another one after each change of the workspace."""
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(CALL_S, connect=CONNECT_S),
            # A cookie would go before the token: keep none.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            transport=transport,
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not _is_on_this_machine(url),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def is_healthy(self) -> bool:
        """Tell whether a server answers there."""
        try:
            return (await self._client.get("/health", timeout=HEALTH_S)).is_success
        except httpx.RequestError:
            return False

    async def login(self, username: str, password: str) -> str:
        """Exchange a username, or an email address, and a password for a token."""
        body = {"email": username, "password": password}
        response = await self._call("POST", "/auth/login", body=body)
        token = _session_token(response)
        if token is None:
            raise CommandFailed(
                sentence=f"{self.url} accepted the password but opened no session.",
                advice="Check that the address is an Inventiv server's.",
            )
        return token

    async def logout(self) -> None:
        """End the session of this token."""
        await self._call("POST", "/auth/logout")

    async def me(self) -> Me:
        """Say who is asking."""
        return await self._read(Me, "/auth/me")

    async def organizations(self) -> list[Organization]:
        """List the organizations the caller belongs to."""
        return await self._list(Organization, "/organizations")

    async def create_organization(self, name: str, slug: str | None, *, use: bool) -> Organization:
        """Found an organization; with ``use``, the session works there, with another token."""
        body = {"name": name, "slug": slug, "set_as_current": use}
        response = await self._call("POST", "/organizations", body=body)
        self._take_token(response)
        return read_row(Organization, _json(response))

    async def switch(self, organization_id: str | None) -> None:
        """Work in another organization, or in none; the session gets another token."""
        body = {"organization_id": organization_id}
        self._take_token(await self._call("PUT", "/organizations/current", body=body))

    async def members(self) -> list[Member]:
        """List who belongs to the current organization."""
        return await self._list(Member, "/organizations/current/members")

    async def users(self) -> list[User]:
        """List all users, the newest first."""
        return await self._list(User, "/users")

    async def create_user(self, email: str, *, name: str | None, role: str, password: str) -> User:
        """Give somebody an account."""
        body = {"email": email, "username": name, "role": role, "password": password}
        return read_row(User, _json(await self._call("POST", "/users", body=body)))

    async def change_password(self, current: str, new: str) -> None:
        """Change the caller's own password."""
        body = {"current_password": current, "new_password": new}
        await self._call("PUT", "/auth/me/password", body=body)

    async def invite(self, email: str, *, role: str, days: int) -> Invited:
        """Invite somebody into the current organization."""
        body = {"email": email, "role": role, "expires_in_days": days}
        response = await self._call("POST", "/organizations/current/invitations", body=body)
        return read_row(Invited, _json(response))

    async def api_keys(self) -> list[ApiKey]:
        """List the caller's API keys, newest first."""
        return await self._list(ApiKey, "/api_keys")

    async def create_api_key(
        self, name: str, *, expires_at: datetime | None, models: list[str] | None
    ) -> MadeApiKey:
        """Make an API key for the current workspace."""
        expiry = None if expires_at is None else expires_at.isoformat()
        body = {"name": name, "expires_at": expiry, "models": models}
        return read_row(MadeApiKey, _json(await self._call("POST", "/api_keys", body=body)))

    async def revoke_api_key(self, key_id: str) -> None:
        """End an API key."""
        await self._call("DELETE", f"/api_keys/{key_id}")

    async def organization_keys(self) -> list[OrganizationKey]:
        """List the keys of the current organization, newest first."""
        return await self._list(OrganizationKey, "/organizations/current/api_keys")

    async def limits(self) -> list[Limit]:
        """List what limits the current organization."""
        return await self._list(Limit, "/organizations/current/limits")

    async def set_limit(self, body: Json) -> Limit:
        """Limit the current organization, or somebody or something in it."""
        response = await self._call("PUT", "/organizations/current/limits", body=body)
        return read_row(Limit, _json(response))

    async def remove_limit(self, limit_id: str) -> None:
        """Take a limit away."""
        await self._call("DELETE", f"/organizations/current/limits/{limit_id}")

    async def models(self) -> list[Model]:
        """List the models that can be deployed."""
        return await self._list(Model, "/models", active="true")

    async def usable(self) -> list[Usable]:
        """List what the workspace may use, through what, and at what price."""
        return await self._list(Usable, "/offerings/usable")

    async def providers(self) -> list[Provider]:
        """List providers, active or not."""
        return await self._list(Provider, "/providers")

    async def regions(self) -> list[Region]:
        """List regions, active or not."""
        return await self._list(Region, "/regions")

    async def zones(self) -> list[Zone]:
        """List zones, active or not."""
        return await self._list(Zone, "/zones")

    async def instance_types(self) -> list[InstanceType]:
        """List instance types, active or not."""
        return await self._list(InstanceType, "/instance_types")

    async def instance_types_in(self, zone_id: str) -> list[InstanceType]:
        """List the instance types that can be rented in a zone."""
        return await self._list(InstanceType, f"/zones/{zone_id}/instance_types")

    async def fit(self, model_id: str, **demand: str) -> Fit:
        """Ask where a model of the catalog fits."""
        return await self._read(Fit, f"/models/{model_id}/fit", **demand)

    async def fit_config(self, config: Json, **demand: str) -> Fit:
        """Ask where a model with this config.json fits."""
        numbers = {"context", "concurrency"}
        body: Json = {
            name: int(value) if name in numbers else value for name, value in demand.items()
        }
        response = await self._call("POST", "/models/fit", body={"config": config, **body})
        return read_row(Fit, _json(response))

    async def export_catalog(self) -> Json:
        """Return the whole catalog as a document."""
        return read_object(_json(await self._call("GET", "/catalog/export")))

    async def import_catalog(self, catalog: Json) -> list[CatalogChange]:
        """Have in the catalog what a document says; return what was changed."""
        response = await self._call(
            "POST",
            "/catalog/import",
            body=catalog,
            within_s=CATALOG_S,
            unanswered="Import it again: what is there already is not changed twice.",
        )
        return read_row(CatalogImported, _json(response))["changes"]

    async def trigger(self, path: str) -> Command:
        """Have something done soon; return the command as it stands."""
        triggered = read_object(_json(await self._call("POST", path)))
        return await self.command(str(triggered["command_id"]))

    async def command(self, command_id: str) -> Command:
        """Look at what came of a command."""
        return await self._read(Command, f"/commands/{command_id}")

    async def commands(self, limit: int) -> list[Command]:
        """List what was triggered, the newest first."""
        return await self._list(Command, "/commands", limit=str(limit))

    async def setting_definitions(self) -> list[SettingDefinition]:
        """List which settings there are."""
        return await self._list(SettingDefinition, "/settings/definitions")

    async def global_settings(self) -> list[GlobalSetting]:
        """List what holds for all organizations."""
        return await self._list(GlobalSetting, "/settings/global")

    async def change_global_setting(self, body: Json) -> None:
        """Choose a value for all organizations; null forgets it."""
        await self._call("PUT", "/settings/global", body=body)

    async def provider_params(self) -> list[ProviderParams]:
        """List what counts for the organization at each provider."""
        return await self._list(ProviderParams, "/providers/params")

    async def change_provider_params(self, provider_id: str, body: Json) -> None:
        """Choose values for the organization at a provider; null forgets one."""
        await self._call("PUT", f"/providers/{provider_id}/params", body=body)

    async def credentials(self, provider: str) -> Credentials:
        """Say which credentials the organization has at a provider."""
        return await self._read(Credentials, f"/providers/{quote(provider, safe='')}/credentials")

    async def set_credentials(self, provider: str, fields: Json) -> Credentials:
        """Set credentials; null deletes one."""
        path = f"/providers/{quote(provider, safe='')}/credentials"
        return read_row(Credentials, _json(await self._call("PUT", path, body=fields)))

    async def delete_credentials(self, provider: str) -> Credentials:
        """Delete all credentials at a provider."""
        path = f"/providers/{quote(provider, safe='')}/credentials"
        return read_row(Credentials, _json(await self._call("DELETE", path)))

    async def check_credentials(self, provider: str) -> Checked:
        """Have the server try the credentials at a provider."""
        path = f"/providers/{quote(provider, safe='')}/credentials/test"
        return read_row(Checked, _json(await self._call("POST", path)))

    async def plan(self, place: Place, *, model_id: str) -> Plan:
        """Ask what it would be to have a machine that serves this model."""
        body = _deployment(place, model_id)
        return read_row(Plan, _json(await self._call("POST", "/deployments/plan", body=body)))

    async def deploy(self, place: Place, *, model_id: str) -> str:
        """Ask for a machine that serves this model; return the id of the instance."""
        return await self._deploy(_deployment(place, model_id))

    async def apply(self, plan_id: str) -> str:
        """Ask for the machine that was planned; return the id of the instance."""
        return await self._deploy({"plan_id": plan_id})

    async def _deploy(self, body: Json) -> str:
        response = await self._call(
            "POST",
            "/deployments",
            body=body,
            unanswered="A machine may be rented all the same: look with `inventiv instances`.",
        )
        answer = read_row(Deployed, _json(response))
        if answer["status"] != "accepted":
            raise refusal(response)
        return answer["instance_id"]

    async def instances(self, *, archived: bool = False) -> list[Instance]:
        """List the instances, newest first."""
        return await self._list(Instance, "/instances", archived=str(archived).lower())

    async def instance(self, instance_id: str) -> Instance:
        """Read one instance."""
        return await self._read(Instance, f"/instances/{instance_id}")

    async def action_logs(self, instance_id: str, *, limit: int) -> list[ActionLog]:
        """List what was done to an instance, oldest first; the limit keeps the newest."""
        params = {"instance_id": instance_id, "limit": str(limit)}
        return (await self._list(ActionLog, "/action_logs", **params))[::-1]

    async def terminate(self, instance_id: str) -> None:
        """Ask for the end of an instance; asking again is harmless."""
        await self._call("DELETE", f"/instances/{instance_id}")

    async def reinstall(self, instance_id: str) -> None:
        """Have the machine of an instance start anew."""
        await self._call(
            "POST",
            f"/instances/{instance_id}/reinstall",
            unanswered="Try again: it is not begun twice.",
        )

    async def cost_summary(self, **params: str) -> CostSummary:
        """Say what is rented now costs."""
        return await self._read(CostSummary, "/finops/dashboard/costs/summary", **params)

    async def spending(self, **params: str) -> Spending:
        """Say what was spent within some time, and on what."""
        return await self._read(Spending, "/finops/dashboard/costs/window", **params)

    async def wallet(self) -> Wallet:
        """Say what is in the wallet of the workspace."""
        return await self._read(Wallet, "/finops/wallet")

    async def statement(self, **params: str) -> Statement:
        """Read a month of the wallet of the workspace."""
        return await self._read(Statement, "/finops/wallet/statement", **params)

    async def top_up(self, body: Json, *, key: str) -> ToppedUp:
        """Put money into a wallet; the same key puts it in once."""
        response = await self._call(
            "POST",
            "/finops/wallet/top-ups",
            body=body,
            key=key,
            unanswered="It may be in the wallet all the same: look at its statement.",
        )
        return read_row(ToppedUp, _json(response))

    async def events(self, *, instance_id: str) -> AsyncGenerator[Event]:
        """Yield what changes about an instance, and reconnect a bounded number of times."""
        params = {"topics": "instances,actions", "instance_id": instance_id}
        pauses = iter(RECONNECT_PAUSES_S)
        while True:
            try:
                async with self._stream(
                    "GET", "/events/stream", silence_s=EVENTS_SILENCE_S, params=params
                ) as source:
                    async for said in source.aiter_sse():
                        event = Event.read(said.event, said.data)
                        if event.instance_ids is not None:  # a greeting alone proves too little
                            pauses = iter(RECONNECT_PAUSES_S)
                        yield event
            except Refused as refused:
                if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
            except httpx.RequestError:
                pass  # the next connection works, or the last one is reported below
            pause = next(pauses, None)
            if pause is None:
                raise Unreachable(sentence=f"The stream of events of {self.url} is lost.")
            await asyncio.sleep(pause)

    async def complete(self, body: Json) -> Json:
        """Ask a model for an answer, and wait for all of it."""
        response = await self._call("POST", COMPLETIONS, body=body, within_s=COMPLETION_S)
        return read_object(_json(response))

    async def complete_in_pieces(self, body: Json) -> AsyncGenerator[Json]:
        """Ask a model for an answer, and yield its chunks as they come."""
        try:
            async with self._stream(
                "POST", COMPLETIONS, silence_s=TOKENS_SILENCE_S, body=body | {"stream": True}
            ) as source:
                async for said in source.aiter_sse():
                    if said.data == "[DONE]":
                        return
                    yield read_object(parsed(said.data))
        except httpx.RequestError as error:
            raise self._silent(error, "Try again.") from error
        raise Unreachable(sentence="The answer stopped before its end.", advice="Ask again.")

    def _take_token(self, response: httpx.Response) -> None:
        token = _session_token(response)
        if token:
            self.token = token
            self._client.headers["Authorization"] = f"Bearer {token}"

    async def _list(self, kind: type[Row], path: str, **params: str) -> list[Row]:
        return read_rows(kind, _json(await self._call("GET", path, params=params)))

    async def _read(self, kind: type[Row], path: str, **params: str) -> Row:
        return read_row(kind, _json(await self._call("GET", path, params=params)))

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        key: str | None = None,
        within_s: float = CALL_S,
        unanswered: str = "Try again.",
    ) -> httpx.Response:
        timeout = httpx.Timeout(within_s, connect=CONNECT_S)
        headers = {} if key is None else {"Idempotency-Key": key}
        pauses = iter(RETRY_PAUSES_S if method in REPEATABLE or key is not None else ())
        while True:
            try:
                async with asyncio.timeout(within_s):
                    response = await self._client.request(
                        method, path, params=params, json=body, headers=headers, timeout=timeout
                    )
            except (httpx.TimeoutException, TimeoutError) as error:
                raise self._silent(error, unanswered) from error
            except httpx.RequestError as error:
                pause = next(pauses, None)
                if pause is None:
                    raise self._silent(error, unanswered) from error
                await asyncio.sleep(pause)
            else:
                if response.is_success:
                    return response
                raise refusal(response)

    @asynccontextmanager
    async def _stream(
        self,
        method: str,
        path: str,
        *,
        silence_s: float,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> AsyncGenerator[EventSource]:
        timeout = httpx.Timeout(silence_s, connect=CONNECT_S)
        async with aconnect_sse(
            self._client, method, path, params=params, json=body, timeout=timeout
        ) as source:
            if not source.response.is_success:
                await source.response.aread()
                raise refusal(source.response)
            yield source

    def _silent(self, error: Exception, advice: str) -> Unreachable:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return Unreachable(
                sentence=f"No server answers at {self.url}.",
                advice="Check that it runs; `inventiv login --url …` chooses another server.",
            )
        return Unreachable(
            sentence=f"{self.url} stopped answering ({type(error).__name__}).",
            advice=advice,
        )


def _session_token(response: httpx.Response) -> str | None:
    """Return the token that an answer brings in its cookie, whatever the cookie is called."""
    cookies = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        cookies.load(header)
    if SESSION_COOKIE in cookies:
        return cookies[SESSION_COOKIE].value
    return next(iter(cookies.values())).value if len(cookies) == 1 else None


def _json(response: httpx.Response) -> object:
    return parsed(response.text)


def _deployment(place: Place, model_id: str) -> Json:
    return {
        "provider_code": place.provider,
        "zone": place.zone,
        "instance_type": place.type,
        "model_id": model_id,
    }
