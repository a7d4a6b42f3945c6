"""What `CloudProvider` promises, kept by every adapter."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from inventiv_adapters.cloud.memory import MemoryCloud
from inventiv_adapters.cloud.mock.behaviour import Fault, FaultKind, MockBehaviour
from inventiv_adapters.cloud.mock.datacenter import Datacenter
from inventiv_adapters.cloud.mock.ledger import Ledger
from inventiv_adapters.cloud.mock.provider import MockCloud
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.testing.clouds import (
    ChecksCredentialsContract,
    CloudProviderContract,
    ReinstallsMachinesContract,
)
from inventiv_core.cloud.ports import (
    CloudProvider,
    ForgetsSetups,
    ReinstallsMachines,
)
from inventiv_core.kernel.secrets import Secret
from tests.adapters.cloud.scaleway.accounts import an_account
from tests.scaleway.simulator import KEY, PROJECT, Simulator


@pytest.fixture(params=["memory", "mock", "scaleway"])
async def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[CloudProvider]:
    """Return an account at each provider in turn."""
    clock, new_id = SystemClock(), SerialIds()
    if request.param == "memory":
        yield MemoryCloud(clock=clock, new_id=new_id)
        return
    if request.param == "scaleway":
        async with an_account(Simulator()) as account:
            yield account
        return
    behaviour = MockBehaviour(
        boot_s=0.01, delete_s=0.01, faults=(Fault(kind=FaultKind.NO_AGENT, probability=1),)
    )
    with Ledger(tmp_path / "cloud") as ledger:
        datacenter = Datacenter(
            ledger, behaviour=behaviour, clock=clock, new_id=new_id, poll_s=0.01
        )
        async with datacenter:
            yield MockCloud(
                ledger, behaviour=behaviour, clock=clock, new_id=new_id, wake=datacenter.wake
            )


class TestEveryCloud(CloudProviderContract, ChecksCredentialsContract):
    """All of ours can do this."""

    credentials = {"project_id": Secret(PROJECT), "secret_key": Secret(KEY)}  # noqa: RUF012 - of the class

    async def test_who_cannot_reinstall_keeps_no_setup(self, cloud: CloudProvider) -> None:
        assert isinstance(cloud, ReinstallsMachines | ForgetsSetups)


@pytest.mark.parametrize("cloud", ["memory", "mock"], indirect=True)
class TestThoseThatReinstall(ReinstallsMachinesContract):
    """Some can."""
