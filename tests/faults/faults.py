"""What can fail, and comes back: when a fault returns, it is over, and everything runs again."""

import signal
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Final, TypeAlias

from redis import Redis

from tests import disk, postgres
from tests.acceptance.server import eventually
from tests.faults.cloud import EVERYBODY
from tests.faults.network import Link, State
from tests.faults.site import LEASE_S, Member, Site

Fault: TypeAlias = Callable[[Site, Random], None]

_FROZEN_S: Final = LEASE_S + 1.0
_CUT_S: Final = 1.2
_LATE_S: Final = 0.05
_LONG_S: Final = 13.0
_HOLE_S: Final = 2.0
_LITTLE_BYTES: Final = 2000
_PUT_DOWN_S: Final = 1.5
"""How long usage may wait in memory, where a crash loses it, once there is room on the disk."""
_SLOW_S: Final = 2.0
_COMMITS: Final = 5
_SLOW_COMMIT_S: Final = 0.05
"""How long one takes on average, at least: some find that others have waited for them."""
_NOT_ON_DISK: Final = "usage_not_on_disk"
_REST_S: Final = 2.2
"""How long workers are left alone, at most, that were all away for `_CUT_S`."""


def _restart(site: Site, member: Member, dice: Random) -> None:
    with site.outage(member.name):
        member.server.kill()
        time.sleep(dice.uniform(0, 0.5))
        member.server.launch()
        member.server.start_is_over()


def _freeze(site: Site, member: Member) -> None:
    with site.outage(member.name):
        member.freeze()
        time.sleep(_FROZEN_S)
        member.thaw()


def kill_api(site: Site, dice: Random) -> None:
    """Kill one of the processes that answer."""
    _restart(site, dice.choice(site.apis), dice)


def kill_orchestrator(site: Site, dice: Random) -> None:
    """Kill one of those that look after machines."""
    _restart(site, dice.choice(site.orchestrators), dice)


def freeze_api(site: Site, dice: Random) -> None:
    """Stop one that answers, and let it go on when its leases are over."""
    _freeze(site, dice.choice(site.apis))


def freeze_orchestrator(site: Site, dice: Random) -> None:
    """Stop one that works on instances until others have taken them over."""
    _freeze(site, dice.choice(site.orchestrators))


def _without_postgres(site: Site, number: signal.Signals, seconds: float) -> None:
    with site.outage("postgres"):
        site.database.kill(number)
        time.sleep(seconds)
        site.database.start()


def restart_postgres(site: Site, dice: Random) -> None:
    """Have the database end at once, without tidying up."""
    _without_postgres(site, signal.SIGQUIT, dice.uniform(0, 1))


def kill_postgres(site: Site, dice: Random) -> None:
    """Kill the database."""
    _without_postgres(site, signal.SIGKILL, dice.uniform(0, 2))


def postgres_away(site: Site, dice: Random) -> None:
    """Have the database be away for longer than anybody waits for a connection."""
    _without_postgres(site, signal.SIGQUIT, _LONG_S)


def kill_redis(site: Site, dice: Random) -> None:
    """Kill Redis, with all that it knew."""
    with site.outage("redis"):
        site.redis.stop()
        time.sleep(dice.uniform(0.2, 2))
        site.redis.start()


def flush_redis(site: Site, dice: Random) -> None:
    """Have Redis forget everything, and cut off whoever listens, again and again."""
    with site.outage("redis"), Redis.from_url(site.redis.url) as forgetful:
        for _ in range(5):
            forgetful.flushall()
            forgetful.client_kill_filter(_type="pubsub")
            time.sleep(dice.uniform(0, 0.3))


def _between(site: Site, state: State, seconds: float, links: Mapping[str, Link]) -> None:
    with site.outage(*links):
        site.become(state, *links.values())
        time.sleep(seconds)
        site.become(State.WHOLE, *links.values())


def cut_api_from_postgres(site: Site, dice: Random) -> None:
    """Cut one process off from the database; the others have it."""
    api = dice.choice(site.apis)
    _between(site, State.CUT, _CUT_S, {f"{api.name} to postgres": api.postgres})


def postgres_in_a_hole(site: Site, dice: Random) -> None:
    """Have whatever one process says to the database go nowhere."""
    member = dice.choice(site.members)
    _between(site, State.HOLE, _HOLE_S, {f"{member.name} to postgres": member.postgres})


def cut_everybody_from_redis(site: Site, dice: Random) -> None:
    """Cut all off from Redis."""
    links = {f"{member.name} to redis": member.redis for member in site.members}
    _between(site, State.CUT, _CUT_S, links)


def slow_network(site: Site, dice: Random) -> None:
    """Have all that is said to the database and to Redis arrive late: nobody is excused."""
    links = [link for member in site.members for link in (member.postgres, member.redis)]
    for link in links:
        link.delay_s = _LATE_S
    time.sleep(_CUT_S)
    for link in links:
        link.delay_s = 0.0


def redis_in_a_hole(site: Site, dice: Random) -> None:
    """Have whatever one process says to Redis go nowhere."""
    api = dice.choice(site.apis)
    _between(site, State.HOLE, _HOLE_S, {f"{api.name} to redis": api.redis})


def _engines(site: Site, state: State, whose: str, what: str, seconds: float) -> None:
    with site.outage(what):
        site.cloud.engines(state, whose)
        time.sleep(seconds)
        site.cloud.engines(State.WHOLE, whose)
        if whose == EVERYBODY:
            time.sleep(_REST_S)


def cut_one_engine(site: Site, dice: Random) -> None:
    """Cut one engine off; another one serves the same model."""
    _engines(site, State.CUT, dice.choice(site.staying), "an engine", _CUT_S)


def one_engine_in_a_hole(site: Site, dice: Random) -> None:
    """Have whatever is asked of one engine go nowhere, and come later."""
    _engines(site, State.HOLE, dice.choice(site.staying), "an engine", _HOLE_S)


def cut_all_engines(site: Site, dice: Random) -> None:
    """Cut all engines off."""
    _engines(site, State.CUT, EVERYBODY, "engines", _CUT_S)


def full_disk(site: Site, dice: Random) -> None:
    """Fill the disk on which usage waits, while the database is away for it."""
    api = site.apis[0]

    def refusals() -> int:
        return api.server.log.read_text().count(_NOT_ON_DISK)

    before = refusals()
    with disk.filled(api.server.data_dir / "usage"):
        _between(site, State.CUT, _CUT_S, {f"{api.name} to postgres": api.postgres})
        eventually(lambda: refusals() > before, "usage that the disk does not take")
    time.sleep(_PUT_DOWN_S)


def slow_disk(site: Site, dice: Random) -> None:
    """Have the database wait for its disk at each commit."""
    with postgres.slow_disk(site.database_url):
        time.sleep(_SLOW_S / 2)
        began_s = time.monotonic()
        for _ in range(_COMMITS):
            postgres.run(site.database_url, "SELECT pg_logical_emit_message(true, 'slow', '')")
        assert time.monotonic() - began_s >= _COMMITS * _SLOW_COMMIT_S, "the disk was not slow"
        time.sleep(_SLOW_S / 2)


def files_that_may_not_grow(site: Site, dice: Random) -> None:
    """Have a process write no more than the beginning of a file, its log included."""
    api = dice.choice(site.apis)
    assert api.server.process is not None
    with disk.files_of_at_most(_LITTLE_BYTES, pid=api.server.process.pid):
        _between(site, State.CUT, _CUT_S, {f"{api.name} to postgres": api.postgres})
    time.sleep(_PUT_DOWN_S)


PROCESSES: Final = (kill_api, kill_orchestrator, freeze_api, freeze_orchestrator)
STORES: Final = (restart_postgres, kill_postgres, kill_redis, flush_redis)
NETWORKS: Final = (
    slow_network, cut_api_from_postgres, postgres_in_a_hole, cut_everybody_from_redis,
    redis_in_a_hole, cut_one_engine, one_engine_in_a_hole, cut_all_engines,
)  # fmt: skip
DISKS: Final = (full_disk, files_that_may_not_grow, slow_disk)
ALL: Final[tuple[Fault, ...]] = (*PROCESSES, *STORES, *NETWORKS, *DISKS)
SLOW: Final[tuple[Fault, ...]] = (postgres_away,)
"""What takes so long that it is left to the long form."""


def possible(site: Site) -> list[Fault]:
    """Return what can be done here: a disk of one's own takes an operator who may mount it."""
    return [fault for fault in (*ALL, *SLOW) if site.has_small_disk or fault is not full_disk]
