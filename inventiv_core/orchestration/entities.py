"""How patient the reconciler is, and when it looks again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from inventiv_core.cloud.entities import Machine

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what."""

    lease: timedelta = timedelta(seconds=15)
    """How long one worker may keep an instance without a sign of life."""
    poll: timedelta = timedelta(seconds=1)
    """Between looks at a machine that is on its way up or down."""
    watch: timedelta = timedelta(seconds=30)
    """Between looks at a machine that serves."""
    settle: timedelta = timedelta(seconds=3)
    """How long a machine may take to be findable after a request with an unknown outcome."""
    confirm: timedelta = timedelta(seconds=1)
    """Between two definite answers that a machine is not there: one alone is not believed."""
    told: timedelta = timedelta(seconds=2)
    """How long it may take until no gateway sends calls to a machine that is to go."""
    drain: timedelta = timedelta(seconds=30)
    """How long calls may go on at a machine that is to go."""
    stale_after: timedelta = 2 * _MINUTE
    """How long a worker may be silent; an administrator may choose otherwise."""
    keep_failed: timedelta = 10 * _MINUTE
    """How long a machine that failed to start is kept, for it may merely be late."""
    losses_believed: int = 3
    """How many machines may be lost at once without anybody doubting it."""
    losses_remembered: timedelta = 60 * _MINUTE
    """For how long what vanished counts as lost at once."""
    first_retry: timedelta = timedelta(seconds=1)
    last_retry: timedelta = _MINUTE
    startup: timedelta = 60 * _MINUTE
    """The longest stay in each status on the way to ready; organizations may choose otherwise."""

    def doubts(self, lost: int, *, fleet: int) -> bool:
        """Tell whether that is too much to believe: more than a few, and a quarter or more."""
        return lost > self.losses_believed and 4 * lost >= fleet

    def back_off(self, attempts: int, chance: float) -> timedelta:
        """Return how long to wait after so many attempts in a row: doubling, with jitter.

        ``chance`` from 0 to 1 picks a point between half the wait and the whole of it.
        """
        doublings = min(attempts, 16)
        wait = min(self.first_retry * 2**doublings, self.last_retry)
        return timedelta(seconds=wait.total_seconds() * (0.5 + chance / 2))

    def spread(self, wait: timedelta, chance: float) -> timedelta:
        """Return a long wait up to a fifth shorter: what was due at once will not be so again."""
        return wait if wait < self.watch else wait * (0.8 + chance / 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """When to look again."""

    after: timedelta | None
    """``None``: not until somebody asks."""
    trouble: bool = False
    """Whether it went wrong, so that the next wait should be longer."""


AT_ONCE: Final = Next(after=timedelta(0))
NEVER: Final = Next(after=None)
TROUBLE: Final = Next(after=timedelta(0), trouble=True)
"""Look again after a back-off."""


def keeper(machines: tuple[Machine, ...], recorded_id: str | None) -> Machine:
    """Return which of several machines of one instance to keep.

    The one we have recorded, else the oldest; everybody who looks decides alike.
    """
    for machine in machines:
        if machine.id == recorded_id:
            return machine
    return min(machines, key=lambda machine: (machine.created_at, machine.id))
