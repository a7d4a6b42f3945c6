"""The values that count, for the rest of the core."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.settings.definitions import (
    DATA_VOLUME_DEFAULT,
    DEFINITIONS,
    WORKER_STALE,
    WORKER_STARTUP,
)
from inventiv_core.settings.entities import Effective, Value, resolve
from inventiv_core.settings.events import GlobalSettingChanged, ProviderParamsChanged
from inventiv_core.settings.ports import SettingQueries

MAX_AGE: Final = timedelta(seconds=30)
"""How long a change may go unnoticed where the bus does not bring word of it."""

_MOST_OWNERS: Final = 1000

Chosen_co = TypeVar("Chosen_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read(Generic[Chosen_co]):
    """What was chosen, when it was last looked at."""

    at: datetime
    chosen: Chosen_co


_Globals: TypeAlias = _Read[Mapping[str, Value]]
_Params: TypeAlias = _Read[Mapping[ProviderId, Mapping[str, Value]]]


class EffectiveSettings:
    """Says which value of a setting counts, and remembers it for a while.

    What an organization or the platform has chosen comes before the environment, and that
    before the default. In memory, in each process: a change is known as soon as the bus
    brings word of it, and after `MAX_AGE` at the latest.
    """

    def __init__(
        self,
        setting_queries: SettingQueries,
        *,
        clock: Clock,
        environment: Mapping[str, Value],
    ) -> None:
        """Take what the environment says, by key."""
        self._queries = setting_queries
        self._clock = clock
        self._environment = environment
        self._globals: _Globals | None = None
        self._owners: dict[UUID, _Params] = {}
        self._forgotten = 0
        """How often something was forgotten: what was read before that is not kept."""

    async def of_platform(self, key: str) -> Effective:
        """Return what counts of a global setting."""
        read = self._globals
        if read is None or not self._is_fresh(read):
            before, now = self._forgotten, self._clock.now()
            read = _Read(at=now, chosen=await self._queries.globals())
            if before == self._forgotten:
                self._globals = read
        return self._resolve(key, read.chosen)

    async def of_provider(
        self, key: str, *, organization_id: OrganizationId, provider_id: ProviderId
    ) -> Effective:
        """Return what counts of a provider's parameter, for one organization."""
        read = self._owners.get(organization_id)
        if read is None or not self._is_fresh(read):
            before, now = self._forgotten, self._clock.now()
            rows = await self._queries.params(organization_id, limit=MAX_PAGE_ROWS)
            read = _Read(at=now, chosen={row.provider_id: row.chosen for row in rows})
            if before == self._forgotten:
                self._keep(organization_id, read)
        return self._resolve(key, read.chosen.get(provider_id, {}))

    async def stale_after(self) -> timedelta:
        """Return how long a worker may be silent."""
        return timedelta(seconds=(await self.of_platform(WORKER_STALE)).value_int)

    async def startup_timeout(
        self, *, organization_id: OrganizationId, provider_id: ProviderId
    ) -> timedelta:
        """Return how long each step of the start of an instance may take."""
        effective = await self.of_provider(
            WORKER_STARTUP, organization_id=organization_id, provider_id=provider_id
        )
        return timedelta(seconds=effective.value_int)

    async def data_volume_default_gb(
        self, *, organization_id: OrganizationId | None, provider_id: ProviderId | None
    ) -> int:
        """Return how large the data volume of a machine is if its model asks for none.

        Without an organization or a provider nobody has chosen anything.
        """
        if organization_id is None or provider_id is None:
            return self._resolve(DATA_VOLUME_DEFAULT, {}).value_int
        effective = await self.of_provider(
            DATA_VOLUME_DEFAULT, organization_id=organization_id, provider_id=provider_id
        )
        return effective.value_int

    def hear(self, message: Message) -> None:
        """Forget what has changed: a listener on the bus."""
        match message.event:
            case GlobalSettingChanged():
                self._globals = None
                self._forgotten += 1
            case ProviderParamsChanged(organization_id=owner) if owner is not None:
                self._owners.pop(owner, None)
                self._forgotten += 1
            case _:
                pass

    def _keep(self, owner: UUID, read: _Params) -> None:
        self._owners.pop(owner, None)
        if len(self._owners) >= _MOST_OWNERS:
            del self._owners[next(iter(self._owners))]  # the one that was read first
        self._owners[owner] = read

    def _is_fresh(self, read: _Read[Any]) -> bool:
        return self._clock.now() - read.at < MAX_AGE

    def _resolve(self, key: str, chosen: Mapping[str, Value]) -> Effective:
        return resolve(DEFINITIONS[key], chosen=chosen, environment=self._environment)
