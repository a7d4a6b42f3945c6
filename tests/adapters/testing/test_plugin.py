"""The plugin of pytest, as somebody has it who writes tests of another service."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.testing.world import QUERIES, MemoryWorld
from inventiv_core.models.use_cases.models import CreateModel, ListModels
from inventiv_http.container import MemoryAdapters

pytest_plugins = ["pytester"]

PLUGIN = "inventiv_adapters.testing.plugin"
"""Not imported here: it tells pytest what to rewrite, and that is imported already."""
PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
THEIRS = (
    "-p",
    "pytest_asyncio.plugin",
    "-p",
    "no:cacheprovider",
    "-W",
    "error",
    "--strict-markers",
)
OURS = ("-p", PLUGIN)
"""As its entry point would, whether or not what is installed has that already."""

AT_WORK = """
from datetime import timedelta
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.models.use_cases.models import CreateModel, GetModel, NewModel
import pytest

CURATOR = Actor(user_id=None, organization_id=None, permissions=frozenset(Permission))
NEW = NewModel(
    name="Small", model_id="acme/small", required_vram_gb=16, context_length=8192, is_active=True,
    data_volume_gb=None, metadata={}, architecture=None,
)

@pytest.mark.asyncio
@pytest.mark.parametrize("again", [1, 2])
async def test_a_model_is_kept(inventiv_memory, inventiv_clock, again):
    inventiv_clock.advance(timedelta(minutes=1))
    model = await inventiv_memory.make(CreateModel)(NEW, actor=CURATOR)
    assert model.id.int == 1, "identity is under control"
    assert (model.created_at.hour, model.created_at.minute) == (12, 1), "and so is time"
    assert await inventiv_memory.make(GetModel)(model.id, actor=CURATOR) == model
    with pytest.raises(LookupError, match="This world has no session_tokens"):
        from inventiv_core.identity.use_cases.organizations import CreateOrganization
        inventiv_memory.make(CreateOrganization)
"""
PREPARED = """
from inventiv_adapters.testing.markets import Market
from inventiv_adapters.testing.people import an_actor
from inventiv_adapters.testing.stores import given_teams
from inventiv_core.deployments.use_cases.deployments import CreateDeployment
from inventiv_core.instances.use_cases import ListInstances
import pytest

@pytest.mark.asyncio
async def test_a_machine_is_asked_for(inventiv_memory):
    market = Market()
    await given_teams(inventiv_memory.unit_of_work, *market.everything)
    deployment = await inventiv_memory.make(CreateDeployment)(market.request(), actor=an_actor())
    rows = await inventiv_memory.make(ListInstances)(archived=False, actor=an_actor())
    assert [row.id for row in rows] == [deployment.instance_id]
"""
INERT = """
import sys

def test_nothing_is_here_that_nobody_has_asked_for(request):
    ours = {name for name in sys.modules if name.startswith("inventiv_")}
    testing = "inventiv_adapters.testing"
    assert ours == {"inventiv_adapters", testing, f"{testing}.plugin"}
    assert [name for name in request.fixturenames if name.startswith("inventiv")] == []
"""
CLOUD = """
import pytest
from inventiv_adapters.cloud.memory import MemoryCloud
from inventiv_adapters.testing.clouds import CloudProviderContract
from inventiv_core.cloud.entities import Absent

class Cloud(MemoryCloud):
    BROKEN

class TestCloud(CloudProviderContract):
    here, there, instance_type = "a", "b", "large"

    @pytest.fixture
    def cloud(self, inventiv_clock, inventiv_ids):
        return Cloud(clock=inventiv_clock, new_id=inventiv_ids)
"""
OTHERS = """
import pytest, pytest_asyncio
from inventiv_adapters.testing.buses import BusContract
from inventiv_adapters.testing.idempotency import IdempotencyContract

class TestBus(BusContract):
    @pytest_asyncio.fixture
    async def bus(self, inventiv_memory):
        await inventiv_memory.bus.open()
        yield inventiv_memory.bus
        await inventiv_memory.bus.close()

class TestKeys(IdempotencyContract):
    @pytest.fixture
    def unit_of_work(self, inventiv_memory):
        return inventiv_memory.unit_of_work
"""
FORGETFUL = """
    async def find(self, tag, *, zone):
        return Absent()
"""


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no plugin but those that are named: there are many here."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    """Run a test in a process of its own, where warnings are errors and markers are known."""
    pytester.makepyfile(test_theirs=source)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester.runpytest_subprocess(*THEIRS, *OURS)


def test_pytest_is_told_where_it_is() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"inventiv": PLUGIN}
    needed = project["optional-dependencies"]["testing"]
    assert [line.partition(">")[0] for line in needed] == ["pytest", "pytest-asyncio"]


def test_use_cases_run_in_a_world_of_the_test_s_own(pytester: pytest.Pytester) -> None:
    run(pytester, AT_WORK).assert_outcomes(passed=2)


def test_what_a_test_is_about_is_stored_in_one_line(pytester: pytest.Pytester) -> None:
    run(pytester, PREPARED).assert_outcomes(passed=1)


def test_it_costs_nothing_until_it_is_used(pytester: pytest.Pytester) -> None:
    run(pytester, INERT).assert_outcomes(passed=1)


def test_an_adapter_that_keeps_the_contract_is_told_so(pytester: pytest.Pytester) -> None:
    result = run(pytester, CLOUD.replace("BROKEN", "pass"))
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] > 10
    assert "warnings" not in result.parseoutcomes()


def test_there_are_contracts_for_other_ports(pytester: pytest.Pytester) -> None:
    run(pytester, OTHERS).assert_outcomes(passed=10)


def test_an_adapter_that_breaks_it_is_shown_where(pytester: pytest.Pytester) -> None:
    result = run(pytester, CLOUD.replace("BROKEN", FORGETFUL.strip()))
    failed = result.parseoutcomes()["failed"]
    assert 0 < failed < 12
    result.stdout.fnmatch_lines(["E*assert Absent() == Found(machines=*"])


def test_the_world_has_what_the_container_has_under_the_same_names() -> None:
    for name, kind in QUERIES.items():
        assert getattr(MemoryAdapters, name).cls is kind
    named = {name for name in vars(MemoryAdapters) if name.endswith("_queries")}
    assert named - QUERIES.keys() == set()


def test_a_world_makes_use_cases_of_what_is_in_it() -> None:
    world = MemoryWorld()
    assert world.make(CreateModel).unit_of_work is world.unit_of_work
    assert [field.name for field in fields(ListModels)] == ["model_queries"]
    assert isinstance(world.database, MemoryDatabase)
