"""Entering acts in the books."""

from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.events import ActRecorded
from inventiv_core.identity.ports.acts import ActWork


async def enter(act: Act, work: ActWork) -> None:
    """Enter ``act`` in the books, inside ``work``, and tell those who watch."""
    await work.acts.add(act)
    await work.outbox.add(ActRecorded.of(act))
