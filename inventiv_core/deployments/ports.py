"""What deployments need from the outside."""

from typing import Protocol

from inventiv_core.action_logs.ports import ActionLogRepository
from inventiv_core.catalog.ports import CatalogRepository
from inventiv_core.identity.ports.organizations import OrganizationRepository
from inventiv_core.instances.ports import InstanceRepository, LeaseRepository
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.idempotency import IdempotentWork
from inventiv_core.models.ports import ModelRepository


class DeploymentWork(IdempotentWork, Protocol):
    """What one atomic piece of deployment work may touch."""

    @property
    def organizations(self) -> OrganizationRepository: ...
    @property
    def catalog(self) -> CatalogRepository: ...
    @property
    def models(self) -> ModelRepository: ...
    @property
    def instances(self) -> InstanceRepository: ...
    @property
    def leases(self) -> LeaseRepository: ...
    @property
    def action_logs(self) -> ActionLogRepository: ...
    @property
    def outbox(self) -> Outbox: ...
