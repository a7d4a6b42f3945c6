"""One process of the server, from start to stop."""

import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.use_cases.bootstrap import Bootstrapped, FirstAdmin
from inventiv_http.background import Background
from inventiv_http.container import (
    Application,
    PostgresAdapters,
    SchemaOutdated,
    look_at_schema,
    mail_directory,
    must_be_the_right_line,
    shipped_schema,
    upgrade_schema,
)
from inventiv_http.observability.port import metrics_port
from inventiv_http.settings import Settings

log = structlog.get_logger(__name__)


@asynccontextmanager
async def running(
    adapters: PostgresAdapters,
    application: Application,
    *,
    works: bool,
    metrics_listener: socket.socket | None = None,
) -> AsyncGenerator[None]:
    """Have the database up to date, and everything open that requests and background work need.

    With ``works``, this process also does what only has to be done once, and
    hosts the mock cloud, unless another process does so already.
    """
    settings: Settings = adapters.settings()
    directory = mail_directory(settings)
    if works and directory is not None:
        log.warning("mails_go_to_files", directory=str(directory), because="no SMTP server is set")
    adapters.mailer()  # what is wrong with its settings is better known now than later
    for thing in (
        adapters.environment,
        adapters.secret_box,
        adapters.hub_token,
        adapters.scaleway,
        adapters.bus,
    ):
        thing()  # a setting that is wrong stops the server now, and no request later
    await have_schema(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(adapters.pool())
        stack.push_async_callback(adapters.relay().close)
        await application.seed_catalog()(actor=PLATFORM)
        await application.seed_models()(actor=PLATFORM)
        await adapters.bus().open()
        stack.push_async_callback(adapters.bus().close)
        await adapters.limiter().open()
        stack.push_async_callback(adapters.limiter().close)
        adapters.usage_spool().open()
        stack.callback(adapters.usage_spool().close)
        await adapters.engines().open()
        stack.push_async_callback(adapters.engines().close)
        stack.push_async_callback(adapters.scaleway().close)
        stack.callback(adapters.mock_ledger().close)
        stack.push_async_callback(adapters.external_orchestrator().close)
        if settings.orchestrator_is_external:
            log.info("orchestrator_is_external", url=settings.orchestrator_url)
        elif works:
            await stack.enter_async_context(adapters.datacenter())
        background = Background(
            application, works=works, sweep_interval_s=settings.sweep_interval_s
        )
        await stack.enter_async_context(background.running())
        await stack.enter_async_context(
            metrics_port(settings, adapters.metrics(), metrics_listener)
        )
        yield


async def have_schema(settings: Settings) -> None:
    """Have the database as this version needs it: made, if it is empty, or brought up to date.

    Raises:
        WrongLine: It is not reached as the settings say.
        SchemaOutdated: It is not up to date, and the settings leave that to the operator.
        SchemaBusy: Somebody was in the way for too long.
    """
    await must_be_the_right_line(
        settings.database_url or "", settings.database_direct_url, settings.pooler
    )
    url, schema = settings.listening_url or "", shipped_schema()
    state = await look_at_schema(url, schema)
    if state.unknown:
        log.warning("database_is_newer", steps=state.unknown)
    if state.is_current:
        return
    if not state.is_empty and not settings.upgrade_database:
        message = (
            f"The database is older than this version: {', '.join(state.missing)} "
            "is missing. Bring it up to date with `inventiv db upgrade`, while servers run, or "
            "set INVENTIV_UPGRADE_DATABASE=true to have every start do so."
        )
        raise SchemaOutdated(message)
    taken = await upgrade_schema(url, schema)
    if taken and not state.is_empty:
        log.info("database_upgraded", steps=taken)


async def bootstrap(application: Application, settings: Settings, *, password: str) -> Bootstrapped:
    """Make sure of the administrator and the default organization."""
    first = FirstAdmin(
        username=settings.admin_username.strip().lower(),
        email=settings.admin_email.strip().lower(),
        first_name=settings.admin_first_name or None,
        last_name=settings.admin_last_name or None,
        password=password,
        organization_name=settings.organization_name,
        organization_slug=settings.organization_slug,
    )
    bootstrapped: Bootstrapped = await application.bootstrap()(
        first, update_password=settings.update_admin_password, actor=PLATFORM
    )
    return bootstrapped


async def seed_credentials(application: Application, settings: Settings) -> None:
    """Give the default organization the credentials of the environment, if it has none.

    Raises:
        SettingsInvalid: There is half of them, or nothing to encrypt them with.
    """
    await application.seed_credentials()(
        settings.organization_slug, settings.seeds(), actor=PLATFORM
    )
