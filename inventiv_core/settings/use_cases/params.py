"""What an organization can do with the parameters of its providers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.errors.access import NoCurrentOrganization
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.settings.definitions import PARAMS, param_definition
from inventiv_core.settings.entities import SettingsAct, Value, resolve
from inventiv_core.settings.events import ProviderParamsChanged
from inventiv_core.settings.ports import SettingQueries, SettingsWork
from inventiv_core.settings.views import ProviderParams


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviderParams:
    """List what the actor's organization has chosen for its providers."""

    setting_queries: SettingQueries
    environment: Mapping[str, Value]

    async def __call__(self, *, actor: Actor) -> Sequence[ProviderParams]:
        """Return all providers by name, active or not."""
        owner = actor.must_in_organization(Permission.VIEW_SETTINGS)
        return [
            ProviderParams(
                provider_id=row.provider_id,
                provider_name=row.provider_name,
                provider_code=row.provider_code,
                chosen=row.chosen,
                effective={
                    known.key: resolve(known, chosen=row.chosen, environment=self.environment)
                    for known in PARAMS.values()
                },
            )
            for row in await self.setting_queries.params(owner, limit=MAX_PAGE_ROWS)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProviderParams:
    """Choose parameters of a provider, for the actor's organization alone."""

    unit_of_work: UnitOfWork[SettingsWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, provider_id: ProviderId, changes: Mapping[str, Value | None], *, actor: Actor
    ) -> None:
        """Store all of ``changes``, by field, or nothing; ``None`` forgets what was chosen.

        Raises:
            ProviderNotFound: There is no such provider.
            SettingUnknown: There is no such field.
            SettingInvalid: One of them cannot have that value.
        """
        owner = actor.must_in_organization(Permission.MANAGE_SETTINGS)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            provider = await work.catalog.get_provider(provider_id)
            wanted = _read(changes)
            await lock(owner, work)
            chosen = await work.settings.params(owner, provider.id)
            before = {key: chosen.get(key) for key in wanted}
            changed = {key: value for key, value in wanted.items() if before[key] != value}
            if not changed:
                return
            await work.settings.put_params(owner, provider.id, changed, at=now)
            await work.outbox.add(
                ProviderParamsChanged(
                    organization_id=owner, provider_id=provider.id, occurred_at=now
                )
            )
            act = Act(
                id=self.new_id(),
                kind=SettingsAct.PROVIDER_PARAMS_CHANGED,
                actor=actor,
                organization_id=owner,
                subject=Subject(kind="provider", id=provider.id, name=provider.code),
                at=now,
                before={key: before[key] for key in changed},
                after=changed,
            )
            await enter(act, work)


def _read(changes: Mapping[str, Value | None]) -> dict[str, Value | None]:
    """Return checked values by key, in the order of the definitions."""
    for field in changes:
        param_definition(field)
    return {
        known.key: None if (value := changes[field]) is None else known.read(value, name=field)
        for field, known in PARAMS.items()
        if field in changes
    }


async def lock(owner: OrganizationId, work: SettingsWork) -> None:
    """Let nobody else change what the organization has chosen, until the end of ``work``.

    Raises:
        NoCurrentOrganization: It was given up since the request came in.
    """
    if await work.organizations.lock(owner) is None:
        raise NoCurrentOrganization
