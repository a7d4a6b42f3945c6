"""Keeping what was used: nothing is lost, and nothing counts twice."""

from dataclasses import dataclass
from typing import Final

from inventiv_core.finops.use_cases.charging import ChargeUsage
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.inference.ports import UsageSpool, UsageWork
from inventiv_core.kernel.unit_of_work import UnitOfWork

_FLUSH_ROWS: Final = 600
"""At a time: calls that are under way wait while so many are put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushUsage:
    """Store what was used since the last time, and have it charged."""

    unit_of_work: UnitOfWork[UsageWork]
    usage_spool: UsageSpool
    charge_usage: ChargeUsage

    async def __call__(self, *, actor: Actor) -> int:
        """Store what waits; return how many calls it was. What cannot be stored waits on.

        A call leaves the spool only when it is stored and charged. Whatever happens in
        between, it is told again, and both know it by its id.
        """
        actor.must(Permission.OPERATE)
        stored = 0
        while usages := self.usage_spool.take(_FLUSH_ROWS):
            async with self.unit_of_work() as work:
                added = await work.usage.add(usages)
                answered = [one for usage in added if (one := usage.as_answered()) is not None]
                await work.request_counts.add(answered)
            tokens = [used for usage in usages if (used := usage.as_tokens()) is not None]
            await self.charge_usage(tokens, actor=actor)
            self.usage_spool.forget(len(usages))
            stored += len(usages)
            if len(usages) < _FLUSH_ROWS:
                break  # a few have come meanwhile, and will be more next time
        return stored
