"""The books."""

from typing import Protocol

from inventiv_core.identity.entities.acts import Act
from inventiv_core.kernel.events import Outbox


class Acts(Protocol):
    """Keeps acts. Append-only: what is recorded is never changed, nor deleted."""

    async def add(self, act: Act) -> None:
        """Enter an act."""
        ...


class ActWork(Protocol):
    """What entering an act touches; part of the work of every domain that has acts."""

    @property
    def acts(self) -> Acts: ...
    @property
    def outbox(self) -> Outbox: ...
