"""Accounts at Scaleway, made of credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inventiv_adapters.cloud.scaleway.choices import ScalewayChoices
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.secrets import Secret

if TYPE_CHECKING:
    import httpx


class ScalewayAccounts:
    """Makes accounts that share a pool of connections, and nothing else.

    What they need is imported with the first one: who has none need not carry it along.
    """

    def __init__(self, *, base_url: str, choices: ScalewayChoices, chance: Chance) -> None:
        self._client: httpx.AsyncClient | None = None
        self._base_url = base_url
        self._choices = choices
        self._chance = chance

    def __call__(self, credentials: Mapping[str, Secret]) -> CloudProvider:
        """Return the account; without credentials, one that can say what is for everybody."""
        import httpx  # noqa: PLC0415 - as above

        from inventiv_adapters.cloud.scaleway.api import ScalewayApi  # noqa: PLC0415
        from inventiv_adapters.cloud.scaleway.provider import (  # noqa: PLC0415
            ScalewayCloud,
            is_loopback,
        )
        from inventiv_adapters.cloud.scaleway.servers import Project  # noqa: PLC0415

        if self._client is None:
            self._client = httpx.AsyncClient()
        api = ScalewayApi(
            self._client,
            base_url=self._base_url,
            secret_key=credentials.get("secret_key"),
            chance=self._chance,
        )
        project_id = credentials.get("project_id", Secret("")).reveal()
        project = Project(api=api, id=project_id, choices=self._choices)
        is_remote = not is_loopback(urlsplit(self._base_url).hostname or "")
        return ScalewayCloud(project, is_remote=is_remote)

    async def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
