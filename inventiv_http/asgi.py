"""What an ASGI server imports: ``uvicorn --factory inventiv_http.asgi:main``."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dependency_injector.providers import Object
from litestar import Litestar

from inventiv_http.app import create_app
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.process import bootstrap, running, seed_credentials
from inventiv_http.serving import complete, readiness
from inventiv_http.settings import Settings


def main() -> Litestar:
    """Build the application from the environment; the database has to be there already.

    Raises:
        SettingsInvalid: A setting is wrong, or one that is needed is missing.
    """
    settings = complete(Settings.from_environment(os.environ))
    adapters = PostgresAdapters(settings=Object(settings))
    application = Application(adapters=adapters)

    @asynccontextmanager
    async def whole_process(_: Litestar) -> AsyncGenerator[None]:
        async with running(adapters, application, works=settings.background):
            password = settings.first_password()
            if password is not None:
                await bootstrap(application, settings, password=password)
            await seed_credentials(application, settings)
            yield

    return create_app(application, readiness=readiness(adapters), lifespan=[whole_process])
