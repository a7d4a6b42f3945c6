"""Credentials that the environment brings along, at the start."""

from collections.abc import Mapping
from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import Secret, SecretBox
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.settings.ports import SettingsWork
from inventiv_core.settings.use_cases.credentials import write


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCredentials:
    """Give an organization the credentials that the environment has. Safe to repeat."""

    unit_of_work: UnitOfWork[SettingsWork]
    secret_box: SecretBox
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        organization_slug: str,
        seeds: Mapping[str, Mapping[str, Secret]],
        *,
        actor: Actor,
    ) -> tuple[str, ...]:
        """Store them by provider, where the organization has none at all; return where.

        What people have set stays, even if they have set only a part of it.

        Raises:
            SecretsKeyMissing: The server has no key to encrypt with.
        """
        actor.must(Permission.OPERATE)
        seeded: list[str] = []
        async with self.unit_of_work() as work:
            organization = await work.organizations.find_by_slug(organization_slug)
            if organization is None or await work.organizations.lock(organization.id) is None:
                return ()
            for provider_code, secrets in seeds.items():
                provider = await work.catalog.find_provider(code=provider_code)
                if provider is None:
                    continue
                before = await work.credentials.lock(organization.id, provider.id)
                if before:
                    continue
                await write(
                    provider,
                    secrets,
                    work,
                    owner=organization.id,
                    actor=actor,
                    box=self.secret_box,
                    id=self.new_id,
                    at=self.clock.now(),
                    before=before,
                )
                seeded.append(provider_code)
        return tuple(seeded)
