"""Accounts at Scaleway, made of credentials."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from inventiv_adapters.cloud.scaleway.api import ScalewayApi
from inventiv_adapters.cloud.scaleway.provider import ScalewayCloud, is_loopback
from inventiv_adapters.cloud.scaleway.servers import Project, ScalewayChoices
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.secrets import Secret


class ScalewayAccounts:
    """Makes accounts that share a pool of connections, and nothing else."""

    def __init__(
        self, client: httpx.AsyncClient, *, base_url: str, choices: ScalewayChoices, chance: Chance
    ) -> None:
        self._client = client
        self._base_url = base_url
        self._choices = choices
        self._chance = chance

    def __call__(self, credentials: Mapping[str, Secret]) -> CloudProvider:
        """Return the account; without credentials, one that can say what is for everybody."""
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
