"""A person can have the simulated cloud be unlucky, and see what comes of it."""

import re
from pathlib import Path

import pytest

from inventiv_adapters.cloud.mock.behaviour import FaultKind
from tests.acceptance.server import Server, deploy, wait_for

README = Path(__file__).parents[2] / "README.md"


def test_an_option_says_what_goes_wrong_and_comes_before_the_environment(tmp_path: Path) -> None:
    server = Server(
        tmp_path / "data",
        {"INVENTIV_MOCK_FAULTS": "no_agent=1"},
        words=("serve", "--mock-faults", "out_of_stock=1"),
    ).start()
    try:
        with server.client() as client:
            instance_id = deploy(client)
            wait_for(client, instance_id, "provisioning_failed")
            shown = client.get(f"/instances/{instance_id}").json()
            assert shown["error_code"] == "PROVIDER_OUT_OF_STOCK"
        assert not server.rentals(include_deleted=True)
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize(
    "faults",
    ["throttled=0.1,server_error=0.1,denied=0.1,create_lost=1", "not_found=0.2", "clock_skew=1"],
)
def test_what_passes_is_got_over_and_nothing_is_left(tmp_path: Path, faults: str) -> None:
    server = Server(tmp_path / "data", words=("serve", "--mock-faults", faults)).start()
    try:
        with server.client() as client:
            instance_id = deploy(client)
            wait_for(client, instance_id, "ready")
            assert client.delete(f"/instances/{instance_id}").status_code == 202
            wait_for(client, instance_id, "terminated")
    finally:
        assert server.stop() == 0


def test_every_fault_is_in_the_help_and_in_the_manual(tmp_path: Path) -> None:
    words = set(re.findall(r"[a-z_]+", Server(tmp_path).run("serve", "--help").stdout))
    manual = README.read_text()
    for kind in FaultKind:
        assert kind in words
        assert f"| `{kind}` |" in manual
