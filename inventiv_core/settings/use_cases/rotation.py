"""Sealing everything anew, with the key that seals now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import SealKeyId, SecretBox, SecretUnreadable
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.settings.entities import Credential, CredentialPlace, SettingsAct, named
from inventiv_core.settings.ports import SettingsWork

ROTATED_AT_ONCE: Final = 100
"""Credentials in one transaction: nobody who wants one of them waits for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What came of a rotation."""

    key_id: SealKeyId
    """The key that seals now."""
    resealed: int
    unreadable: int
    """How many stay as they are, for none of the keys opens them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateSecrets:
    """Seal with the first key whatever another one has sealed. Safe to repeat, and to kill."""

    unit_of_work: UnitOfWork[SettingsWork]
    secret_box: SecretBox
    clock: Clock
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> Rotated:
        """Go through all organizations, a batch at a time; return how many credentials it was.

        Raises:
            SecretsKeyMissing: The server has no key.
        """
        actor.must(Permission.OPERATE)
        key_id = self.secret_box.key_id()
        resealed = unreadable = 0
        after: CredentialPlace | None = None
        while True:
            async with self.unit_of_work() as work:
                found = await work.credentials.sealed_otherwise(
                    key_id, after=after, limit=ROTATED_AT_ONCE
                )
                if not found:
                    return Rotated(key_id=key_id, resealed=resealed, unreadable=unreadable)
                done = self._reseal(found)
                await work.credentials.put(done)
                if done:
                    await enter(self._act(key_id, len(done), actor), work)
            after = found[-1].place
            resealed += len(done)
            unreadable += len(found) - len(done)

    def _reseal(self, credentials: Sequence[Credential]) -> Sequence[Credential]:
        done: list[Credential] = []
        for known in credentials:
            place = str(known.place)
            try:
                secret = self.secret_box.open(known.sealed, place=place)
            except SecretUnreadable:
                continue
            done.append(replace(known, sealed=self.secret_box.seal(secret, place=place)))
        return done

    def _act(self, key_id: SealKeyId, count: int, actor: Actor) -> Act:
        return Act(
            id=self.new_id(),
            kind=SettingsAct.SECRETS_ROTATED,
            actor=actor,
            organization_id=None,
            subject=named("secrets_key", key_id),
            at=self.clock.now(),
            facts={"resealed": count},
        )
