"""What can be done with settings that hold for everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.settings.definitions import DEFINITIONS, GLOBALS, global_definition
from inventiv_core.settings.entities import Definition, SettingsAct, Value, named, resolve
from inventiv_core.settings.events import GlobalSettingChanged
from inventiv_core.settings.ports import SettingQueries, SettingsWork
from inventiv_core.settings.views import GlobalSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettingDefinitions:
    """List which settings there are."""

    async def __call__(self, *, actor: Actor) -> Sequence[Definition]:
        """Return all definitions, by key."""
        actor.must(Permission.VIEW_CATALOG)
        return list(DEFINITIONS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGlobalSettings:
    """List what was chosen for everybody."""

    setting_queries: SettingQueries
    environment: Mapping[str, Value]

    async def __call__(self, *, actor: Actor) -> Sequence[GlobalSetting]:
        """Return all global settings, chosen or not, by key."""
        actor.must(Permission.MANAGE_PLATFORM)
        chosen = await self.setting_queries.globals()
        return [
            GlobalSetting(
                definition=known,
                chosen=chosen.get(known.key),
                effective=resolve(known, chosen=chosen, environment=self.environment),
            )
            for known in GLOBALS
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGlobalSetting:
    """Choose a value for everybody, or leave it to the environment and the default again."""

    unit_of_work: UnitOfWork[SettingsWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, key: str, value: Value | None, *, actor: Actor) -> None:
        """Store the value; ``None`` forgets what was chosen.

        Raises:
            SettingUnknown: There is no setting of that key.
            SettingNotGlobal: It is chosen by organizations.
            SettingInvalid: It cannot have that value.
        """
        actor.must(Permission.MANAGE_PLATFORM)
        definition = global_definition(key)
        after = None if value is None else definition.read(value)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            before = await work.settings.lock_global(definition.key)
            if before == after:
                return
            await work.settings.put_global(definition.key, after, at=now)
            await work.outbox.add(GlobalSettingChanged(key=definition.key, occurred_at=now))
            act = Act(
                id=self.new_id(),
                kind=SettingsAct.SETTING_CHANGED,
                actor=actor,
                organization_id=None,
                subject=named("setting", definition.key),
                at=now,
                before={definition.key: before},
                after={definition.key: after},
            )
            await enter(act, work)
