"""The bench: everything one can do in the workbench, in memory."""

from dataclasses import replace
from typing import Any

from inventiv_adapters.identity.memory.organizations import MemoryOrganizationQueries
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.models.memory.offerings import MemoryOfferingQueries
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_adapters.workbench.memory.chat_models import MemoryLiveModelQueries
from inventiv_adapters.workbench.memory.projects import MemoryProjectQueries
from inventiv_adapters.workbench.memory.retention import MemoryRetentionQueries
from inventiv_adapters.workbench.memory.runs import MemoryRunQueries
from inventiv_core.identity.access import Actor, ApiKeyId, OrganizationId, Role, UserId
from inventiv_core.identity.entities.acts import Act
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_core.workbench.use_cases.chat_models import ListChatModels
from inventiv_core.workbench.use_cases.messages import AppendMessage
from inventiv_core.workbench.use_cases.projects import (
    CreateProject,
    DeleteProject,
    ListProjects,
    UpdateProject,
)
from inventiv_core.workbench.use_cases.retention import GetRetention, SetRetention, SweepWorkbench
from inventiv_core.workbench.use_cases.runs import (
    CompleteRun,
    CreateRun,
    DeleteRun,
    GetRun,
    ListRuns,
    SearchRuns,
    UpdateRun,
)
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_membership,
    a_number,
    a_user,
    an_actor,
    given_teams,
)

BOB, EVE = UserId(a_number()), UserId(a_number())
KEY = ApiKeyId(a_number())


def actor(
    user: UserId = ALICE,
    organization: OrganizationId | None = ACME,
    *,
    role: Role = Role.USER,
    key: ApiKeyId | None = None,
) -> Actor:
    """Return somebody at work."""
    someone = an_actor(None if organization is None else role, organization=organization)
    return replace(someone, user_id=user, api_key_id=key)


class Bench:
    """Alice and Bob belong to ACME, Eve to the other organization."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.database = MemoryDatabase()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        work: dict[str, Any] = {"unit_of_work": self.unit_of_work, "clock": self.clock}
        organizations: dict[str, Any] = {
            "organization_queries": MemoryOrganizationQueries(self.database)
        }
        new_id: dict[str, Any] = {"new_id": SerialIds()}
        self.offering_queries = MemoryOfferingQueries(self.database)
        offerings: dict[str, Any] = {"offering_queries": self.offering_queries}
        runs: dict[str, Any] = {"run_queries": MemoryRunQueries(self.database)}
        projects: dict[str, Any] = {"project_queries": MemoryProjectQueries(self.database)}
        self.list = ListRuns(**runs, **organizations)
        self.search = SearchRuns(**runs, **organizations)
        self.get = GetRun(**runs, **organizations)
        self.create = CreateRun(**work, **new_id)
        self.update = UpdateRun(**work, **new_id, **organizations)
        self.delete = DeleteRun(**work, **new_id, **organizations)
        self.complete = CompleteRun(**work, **runs, **offerings, **organizations)
        self.append = AppendMessage(**work, **new_id, **runs, **offerings, **organizations)
        self.projects = ListProjects(**projects, **organizations)
        self.create_project = CreateProject(**work, **new_id)
        self.update_project = UpdateProject(**work, **new_id, **organizations)
        self.delete_project = DeleteProject(**work, **new_id, **organizations)
        self.retention = GetRetention(retention_queries=MemoryRetentionQueries(self.database))
        self.set_retention = SetRetention(**work, **new_id)
        self.sweep = SweepWorkbench(**work)
        self.chat_models = ListChatModels(
            **offerings,
            live_model_queries=MemoryLiveModelQueries(self.database),
            effective_settings=EffectiveSettings(
                MemorySettingQueries(self.database), clock=self.clock, environment={}
            ),
            clock=self.clock,
        )

    async def open(self) -> None:
        """Have everybody come in."""
        await given_teams(
            self.unit_of_work,
            a_user(id=BOB, username="bob"),
            a_user(id=EVE, username="eve"),
            a_membership(user=BOB, role=Role.USER),
            a_membership(user=EVE, organization=OTHER, role=Role.USER),
        )

    @property
    def acts(self) -> list[Act]:
        """What is in the books, oldest first."""
        return list(self.database.table(Act).values())
