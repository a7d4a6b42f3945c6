"""``/instances/{id}/activations``, ``/organizations/current/activation``"""

from uuid import UUID

from litestar import Controller, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from inventiv_core.activations.entities import Side
from inventiv_core.activations.use_cases import (
    ActivateInstance,
    GetActivationPolicy,
    SetActivationPolicy,
    WithdrawActivation,
)
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import InstanceId
from inventiv_http.activations.schemas import ActivationPolicyBody, ActivationsBody
from inventiv_http.kernel.auth import needs


class TechnicalActivation(Controller):
    """Whether somebody answers for the technique of an instance."""

    path = "/instances/{instance_id:str}/activations/technical"
    opt = needs(Permission.ACTIVATE_TECHNICALLY)
    tags = ["instances"]  # noqa: RUF012 - Litestar reads it from the class

    @put(summary="Activate an instance technically")
    async def activate(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        activate_instance: NamedDependency[ActivateInstance],
    ) -> ActivationsBody:
        found = await activate_instance(InstanceId(instance_id), Side.TECHNICAL, actor=actor)
        return ActivationsBody.of(found)

    @delete(status_code=200, summary="Withdraw the technical activation of an instance")
    async def withdraw(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        withdraw_activation: NamedDependency[WithdrawActivation],
    ) -> ActivationsBody:
        found = await withdraw_activation(InstanceId(instance_id), Side.TECHNICAL, actor=actor)
        return ActivationsBody.of(found)


class EconomicActivation(Controller):
    """Whether somebody answers for the cost of an instance."""

    path = "/instances/{instance_id:str}/activations/economic"
    opt = needs(Permission.ACTIVATE_ECONOMICALLY)
    tags = ["instances"]  # noqa: RUF012 - Litestar reads it from the class

    @put(summary="Activate an instance economically")
    async def activate(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        activate_instance: NamedDependency[ActivateInstance],
    ) -> ActivationsBody:
        found = await activate_instance(InstanceId(instance_id), Side.ECONOMIC, actor=actor)
        return ActivationsBody.of(found)

    @delete(status_code=200, summary="Withdraw the economic activation of an instance")
    async def withdraw(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        withdraw_activation: NamedDependency[WithdrawActivation],
    ) -> ActivationsBody:
        found = await withdraw_activation(InstanceId(instance_id), Side.ECONOMIC, actor=actor)
        return ActivationsBody.of(found)


class ActivationPolicies(Controller):
    """What the organization wants before its instances get calls."""

    path = "/organizations/current/activation"
    opt = needs(Permission.USE_ORGANIZATION)
    tags = ["organizations"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="Do instances serve only when they are activated from both sides?")
    async def look(
        self,
        actor: NamedDependency[Actor],
        get_activation_policy: NamedDependency[GetActivationPolicy],
    ) -> ActivationPolicyBody:
        return ActivationPolicyBody.of(await get_activation_policy(actor=actor))

    @put(
        opt=needs(Permission.MANAGE_ORGANIZATION),
        summary="Choose whether instances serve only when they are activated from both sides",
    )
    async def choose(
        self,
        data: JSONBody[ActivationPolicyBody],
        actor: NamedDependency[Actor],
        set_activation_policy: NamedDependency[SetActivationPolicy],
    ) -> ActivationPolicyBody:
        policy = await set_activation_policy(data.wanted(), actor=actor)
        return ActivationPolicyBody.of(policy)
