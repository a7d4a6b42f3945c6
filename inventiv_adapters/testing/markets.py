"""Test data about what can be rented and served."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from inventiv_adapters.testing.people import ACME, a_number
from inventiv_adapters.testing.times import NOON
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
)
from inventiv_core.deployments.entities import DeploymentRequest
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.models.entities import MOCK_MODEL, Model, ModelId


def a_provider(*, code: str | None = None, is_active: bool = True) -> Provider:
    """Return somebody who rents machines out."""
    number = a_number()
    code = code or f"cloud-{number.int:x}"
    return Provider(
        id=ProviderId(number), name=code.title(), code=code, description=None, is_active=is_active
    )


def a_region(provider: Provider, *, code: str = "fr-par", is_active: bool = True) -> Region:
    """Return where a provider is."""
    return Region(
        id=RegionId(a_number()),
        provider_id=provider.id,
        name=code.title(),
        code=code,
        is_active=is_active,
    )


def a_zone(region: Region, *, code: str = "fr-par-2", is_active: bool = True) -> Zone:
    """Return a place in a region."""
    return Zone(
        id=ZoneId(a_number()),
        region_id=region.id,
        provider_id=region.provider_id,
        name=code.title(),
        code=code,
        is_active=is_active,
    )


def an_instance_type(
    provider: Provider,
    *,
    code: str = "L4-1-24G",
    gpu_count: int = 1,
    vram_per_gpu_gb: int = 24,
    cost_per_hour: Decimal | None = Decimal("0.7500"),
    is_active: bool = True,
) -> InstanceType:
    """Return a kind of machine."""
    return InstanceType(
        id=InstanceTypeId(a_number()),
        provider_id=provider.id,
        name=code,
        code=code,
        gpu_count=gpu_count,
        vram_per_gpu_gb=vram_per_gpu_gb,
        cpu_count=8,
        ram_gb=48,
        bandwidth_bps=2_500_000_000,
        cost_per_hour=cost_per_hour,
        is_active=is_active,
    )


def on_sale(kind: InstanceType, zone: Zone, *, is_available: bool = True) -> InstanceTypeZone:
    """Return that a kind of machine can be rented in a zone."""
    return InstanceTypeZone(instance_type_id=kind.id, zone_id=zone.id, is_available=is_available)


def a_model(
    *, model_id: str | None = None, required_vram_gb: int = 16, is_active: bool = True
) -> Model:
    """Return a model of the catalog."""
    number = a_number()
    public_name = model_id or f"acme/model-{number.int:x}"
    return Model(
        id=ModelId(number),
        name=public_name.rpartition("/")[2],
        model_id=public_name,
        required_vram_gb=required_vram_gb,
        context_length=8192,
        is_active=is_active,
        data_volume_gb=None,
        created_at=NOON,
        updated_at=NOON,
    )


class Market:
    """A provider with one zone, one instance type on sale there, and one model that fits.

    By default it is the mock provider and its model, so that it can be deployed for real.
    """

    def __init__(self, code: str = "mock", *, model_id: str = MOCK_MODEL) -> None:
        self.provider = a_provider(code=code)
        self.region = a_region(self.provider, code="local")
        self.zone = a_zone(self.region, code="local")
        self.kind = an_instance_type(self.provider, code="mock-local-instance")
        self.link = on_sale(self.kind, self.zone)
        self.model = a_model(model_id=model_id, required_vram_gb=0)

    @property
    def everything(self) -> tuple[Any, ...]:
        """What has to be stored, in order."""
        return self.provider, self.region, self.zone, self.kind, self.link, self.model

    def request(self, **changes: Any) -> DeploymentRequest:
        """Return a wish for the model on such a machine."""
        request = DeploymentRequest(
            provider_code=self.provider.code,
            zone=self.zone.code,
            instance_type=self.kind.code,
            model_id=self.model.id,
        )
        return replace(request, **changes)

    def instance(
        self, *, owner: OrganizationId = ACME, at: datetime = NOON, **facts: Any
    ) -> Instance:
        """Return such a machine, as it was asked for, or as ``facts`` say."""
        instance = Instance.request(
            id=InstanceId(a_number()),
            organization_id=owner,
            provider_id=self.provider.id,
            zone_id=self.zone.id,
            instance_type_id=self.kind.id,
            model_id=self.model.id,
            at=at,
        )
        return replace(instance, **facts)
