"""A site under load, and the question whether everything holds there."""

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from tests.acceptance.server import wait_for
from tests.acceptance.test_several_processes import signed_in
from tests.faults.audit import ALWAYS, AT_THE_END, Promise, violations
from tests.faults.evidence import Balance, Evidence, Spent, facts, newest
from tests.faults.load import Load, Mark
from tests.faults.parties import FIRST, GUEST, founded, made
from tests.faults.site import Site, running

PATIENCE_S: Final = 25.0
"""How long things may take to be as they should."""


@dataclass
class World:
    """A site under load."""

    site: Site
    load: Load
    dice: Random
    marks: list[Mark] = field(default_factory=list[Mark])

    def begin(self) -> None:
        """What is seen from now on is judged next."""
        self.marks.append(self.load.mark())

    def holds(self, promises: Iterable[Promise] = ALWAYS, told: Evidence | None = None) -> None:
        """Return once all promises are kept, in all that was seen until now.

        Raises:
            AssertionError: One is not; with all that breaks it.
        """
        ended = [each.name for each in self.site.members if each.has_ended]
        assert not ended, f"{ended} have ended, and nobody has asked them to"
        mark = self.marks[-1] if self.marks else Mark(frames=[0] * len(self.load.watchers))
        until = newest(self.site)
        seen = self.load.since(mark)
        if told is not None:
            seen = replace(seen, balances=told.balances, spent=told.spent)
        last = time.monotonic() + PATIENCE_S
        while True:
            seen.watched = self.load.watched(mark, until=until)
            stored = facts(self.site)
            now = self.load.since(mark)
            seen.asked, seen.orders = now.asked, now.orders
            found = violations(seen, stored, promises)
            if not found:
                return
            if time.monotonic() > last:
                raise AssertionError(_story(found))
            time.sleep(0.2)

    def give_everything_back(self) -> Evidence:
        """Have all instances ended, and return what is then told of money."""
        self.site.thread.run(self.load.quieten())
        with signed_in(self.site.apis[0].server) as host:
            for instance_id in self.site.staying:
                assert host.delete(f"/instances/{instance_id}").is_success
            for instance_id in self.site.staying:
                wait_for(host, instance_id, "terminated")
        self.holds()
        told = Evidence()
        for api in self.site.apis:
            for name, party in zip(("admin", GUEST), self.load.parties, strict=True):
                with signed_in(api.server, name) as client:
                    wallet = made(client.get("/finops/wallet"))["wallet_balance_eur"]
                    statement = made(client.get("/finops/wallet/statement"))
                    costs = made(client.get("/finops/cost/current"))["cumulative_total"]
                owner = party.organization_id
                balance = statement["closing_balance_eur"]
                told.balances.append(
                    Balance(
                        organization_id=owner,
                        wallet=Decimal(repr(wallet)),
                        statement=Decimal(repr(balance)),
                    )
                )
                minute = datetime.fromisoformat(costs["bucket_minute"])
                told.spent.append(
                    Spent(
                        organization_id=owner,
                        until=minute + timedelta(minutes=1),
                        amount=Decimal(repr(costs["cumulative_amount_eur"])),
                    )
                )
        return told

    def everything_is_given_back(self) -> None:
        """End everything, and return once nothing is left that costs money."""
        self.holds(AT_THE_END, self.give_everything_back())


def _story(found: dict[str, list[str]]) -> str:
    return "\n".join(
        f"{name}: {len(stories)}\n  " + "\n  ".join(stories[:8]) for name, stories in found.items()
    )


@contextmanager
def under_load(directory: Path, seed: int) -> Generator[World]:
    """Run a site with everybody who wants something of it."""
    dice = Random(seed)  # noqa: S311 - repeatable on purpose
    with running(directory) as site:
        parties, site.staying = founded(site)
        load = Load(site, parties, Random(seed))  # noqa: S311 - as above
        load.evidence.asked.add(FIRST)
        host = parties[0].organization_id
        load.evidence.orders |= {each: (host, UUID(each)) for each in site.staying}
        site.thread.run(load.begin())
        try:
            yield World(site, load, dice)
        finally:
            site.thread.run(load.end())
