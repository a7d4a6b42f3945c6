"""Accounts at the simulated Scaleway, over real HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from inventiv_adapters.cloud.mock.loopback import port_of, reserve, serving
from inventiv_adapters.cloud.scaleway.api import Politeness, ScalewayApi
from inventiv_adapters.cloud.scaleway.choices import ScalewayChoices
from inventiv_adapters.cloud.scaleway.provider import ScalewayCloud
from inventiv_adapters.cloud.scaleway.servers import Project
from inventiv_core.kernel.secrets import Secret
from tests.adapters.cloud.builders import HERE, THERE
from tests.scaleway.simulator import KEY, PROJECT, Simulator

IMPATIENT = Politeness(first_pause_s=0.005, longest_pause_s=0.05, call_s=1.0, whole_s=3.0)
CHOICES = ScalewayChoices(
    zones=(HERE, THERE), callers=("203.0.113.7/32",), create_s=3.0, poll_s=0.005
)


@asynccontextmanager
async def an_account(
    simulator: Simulator,
    *,
    key: str = KEY,
    choices: ScalewayChoices = CHOICES,
    politeness: Politeness = IMPATIENT,
    is_remote: bool = False,
) -> AsyncGenerator[ScalewayCloud]:
    """Yield an account whose API is the simulator."""
    with reserve(None) as port:
        async with (
            serving(simulator.app(), port),
            httpx.AsyncClient(trust_env=False) as client,
        ):
            api = ScalewayApi(
                client,
                base_url=f"http://127.0.0.1:{port_of(port)}",
                secret_key=Secret(key),
                chance=lambda: 0.5,
                politeness=politeness,
            )
            project = Project(api=api, id=PROJECT, choices=choices)
            yield ScalewayCloud(project, is_remote=is_remote)
