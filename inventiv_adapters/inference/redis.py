"""Limits that all processes share, in Redis.

One script for each thing that is done, and one round trip: nobody comes between looking and
taking. Scripts ask Redis for the time. It is one for all: with clocks of their own, a process
that is ahead would let drain what has not drained yet, and keep the others waiting for it.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from inventiv_adapters.inference.memory import MemoryLimiter
from inventiv_core.inference.entities.gauges import (
    LEASE,
    Ask,
    Gauge,
    Hold,
    Measure,
    Reading,
    Verdict,
    milliseconds,
)
from inventiv_core.inference.ports import Limiter
from inventiv_core.kernel.clock import Clock

_PREFIX: Final = "inventiv:limits:"
_REST_S: Final = 1.0
"""How long Redis is left alone that has not answered."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_LEASE_MS: Final = LEASE // _MILLISECOND
_KEPT_MS: Final = 2 * _LEASE_MS
"""How long what is counted is kept at least: nothing of it matters after that."""

# The rules are those of `Bucket`, and a contract test compares them. Of each gauge there are two
# keys: what it shows, and who holds how much of it until when. Numbers are integers below 2^53,
# which is exact in Lua.
_RULES: Final = """
    local function clock(given)
        if given ~= '' then return tonumber(given) end
        local time = redis.call('TIME')
        return time[1] * 1000 + math.floor(time[2] / 1000)
    end

    local function look(gauge, leases, limit, weight, now)
        local row = redis.call('HMGET', gauge, 'used', 'at', 'held', 'known')
        local used, at = tonumber(row[1] or 0), tonumber(row[2] or now)
        local held = tonumber(row[3] or 0)
        if weight > 1 then used = math.max(0, used - limit * math.max(0, now - at)) end
        local over = redis.call('ZRANGEBYSCORE', leases, '-inf', now)
        for _, lease in ipairs(over) do
            held = held - tonumber(string.match(lease, '%d+$'))
            redis.call('ZREM', leases, lease)
        end
        -- of two keys, a Redis that is short of memory may have dropped one
        held = math.max(0, held)
        return { used = used, at = math.max(at, now), held = held, known = row[4] and 1 or 0 }
    end

    local function keep(gauge, leases, state, limit, weight, kept)
        redis.call('HSET', gauge, 'used', string.format('%.0f', state.used),
            'at', string.format('%.0f', state.at), 'held', string.format('%.0f', state.held))
        if weight > 1 then kept = math.max(kept, math.ceil(state.used / limit)) end
        redis.call('PEXPIRE', gauge, string.format('%.0f', kept))
        redis.call('PEXPIRE', leases, string.format('%.0f', kept))
    end
"""

_HOLD: Final = f"""
    {_RULES}
    local now, id, lease = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
    local fits, states = 1, {{}}
    local function ask(number)
        local first = 4 + (number - 1) * 5
        return tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2]),
            ARGV[first + 3] == '1', tonumber(ARGV[first + 4])
    end
    for number = 1, #KEYS / 2 do
        local limit, weight, amount = ask(number)
        local state = look(KEYS[2 * number - 1], KEYS[2 * number], limit, weight, now)
        if weight > 1 then amount = math.min(amount, limit) end
        if state.used + (state.held + amount - limit) * weight > 0 then fits = 0 end
        states[number] = state
    end
    local said = {{ fits }}
    for number, state in ipairs(states) do
        local gauge, leases = KEYS[2 * number - 1], KEYS[2 * number]
        local limit, weight, amount, is_held, kept = ask(number)
        if fits == 1 and is_held then
            state.held = state.held + amount
            redis.call('ZADD', leases, now + lease, id .. ':' .. string.format('%.0f', amount))
        elseif fits == 1 then
            state.used = state.used + amount * weight
        end
        keep(gauge, leases, state, limit, weight, kept)
        said[#said + 1] = state.used
        said[#said + 1] = state.held
        said[#said + 1] = state.known
    end
    return said
"""

_SETTLE: Final = f"""
    {_RULES}
    local now, id = clock(ARGV[1]), ARGV[2]
    for number = 1, #KEYS / 2 do
        local gauge, leases, first = KEYS[2 * number - 1], KEYS[2 * number], 3 + (number - 1) * 5
        local limit, weight = tonumber(ARGV[first]), tonumber(ARGV[first + 1])
        local state = look(gauge, leases, limit, weight, now)
        if redis.call('ZREM', leases, id .. ':' .. ARGV[first + 2]) == 1 then
            state.held = math.max(0, state.held - tonumber(ARGV[first + 2]))
        end
        state.used = state.used + tonumber(ARGV[first + 3]) * weight
        keep(gauge, leases, state, limit, weight, tonumber(ARGV[first + 4]))
    end
"""

_RENEW: Final = f"""
    {_RULES}
    local now, id, lease = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
    for number = 1, #KEYS / 2 do
        local gauge, leases, first = KEYS[2 * number - 1], KEYS[2 * number], 4 + (number - 1) * 2
        local state = look(gauge, leases, 0, 1, now)
        local member = id .. ':' .. ARGV[first]
        if redis.call('ZSCORE', leases, member) then
            redis.call('ZADD', leases, now + lease, member)
        end
        keep(gauge, leases, state, 0, 1, tonumber(ARGV[first + 1]))
    end
"""

_SEED: Final = """
    for number, gauge in ipairs(KEYS) do
        local used = tonumber(redis.call('HGET', gauge, 'used') or 0)
        local before = tonumber(ARGV[2 * number - 1])
        redis.call('HSET', gauge, 'used', string.format('%.0f', math.max(used, before)),
            'known', '1')
        redis.call('PEXPIRE', gauge, ARGV[2 * number])
    end
"""


class RedisLimiter(Limiter):
    """Counts together with all other processes.

    Without an answer within ``deadline_s``, a call is counted here alone, as are those of the
    next moment: a limit may be passed then, by as many times as there are processes, but no
    call fails for it.
    """

    def __init__(
        self,
        url: str,
        local: MemoryLimiter,
        clock: Clock,
        *,
        deadline_s: float = 0.2,
        time: Clock | None = None,
    ) -> None:
        """Take ``time`` for what Redis says the time is."""
        self._redis = Redis.from_url(
            url,
            socket_connect_timeout=5,
            socket_timeout=5,
            health_check_interval=15,
            retry=Retry(NoBackoff(), 1),
        )
        self._hold = self._redis.register_script(_HOLD)
        self._settle = self._redis.register_script(_SETTLE)
        self._renew = self._redis.register_script(_RENEW)
        self._seed = self._redis.register_script(_SEED)
        self._local = local
        self._clock = clock
        self._deadline_s = deadline_s
        self._time = time
        self._holds: dict[Any, Hold] = {}
        self._certain: dict[str, Gauge] = {}
        """Budgets of which nothing has been missed since they were seeded from here."""
        self._settling: set[asyncio.Task[None]] = set()
        self._is_away = False
        self._try_at = 0.0
        self._log = structlog.get_logger(__name__)

    async def open(self) -> None:
        """Connect, so that the first call need not wait for it; without Redis, do not."""
        await self._answer(self._redis.ping(), deadline_s=1.0)

    async def close(self) -> None:
        """Say what calls have used that are over, and disconnect."""
        while self._settling:
            await asyncio.wait(self._settling)
        await self._redis.aclose()

    async def hold(self, hold: Hold) -> Verdict:
        if not self._may_ask():
            return await self._local.hold(hold)
        keys, words = _keys(hold.asks), [self._now(), str(hold.id), _LEASE_MS]
        for ask in hold.asks:
            gauge = ask.gauge
            words += [gauge.limit, gauge.weight, ask.amount, int(gauge.is_held), self._kept(gauge)]
        self._holds[hold.id] = hold
        try:
            said = await self._answer(self._hold(keys, words))
        except BaseException:  # the caller has left: perhaps before, perhaps after it was held
            self.settle(hold, {})
            raise
        if said is None:
            del self._holds[hold.id]
            return await self._local.hold(hold)
        if not said[0]:
            del self._holds[hold.id]
        readings = [
            Reading(used, held, self._is_certain(ask.gauge, is_known=bool(known)))
            for ask, used, held, known in zip(
                hold.asks, said[1::3], said[2::3], said[3::3], strict=True
            )
        ]
        return Verdict(is_admitted=bool(said[0]), readings=readings)

    def settle(self, hold: Hold, used: Mapping[Measure, int]) -> None:
        if hold in self._local:
            self._local.settle(hold, used)
            return
        if self._holds.pop(hold.id, None) is None:
            return
        leased = list(hold.leased)
        if not leased:
            return
        words = [self._now(), str(hold.id)]
        for ask in leased:
            gauge = ask.gauge
            amount = used.get(gauge.measure, 0)
            words += [gauge.limit, gauge.weight, ask.amount, amount, self._kept(gauge)]
        task = asyncio.get_running_loop().create_task(self._say(_keys(leased), words))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def renew(self) -> None:
        await self._local.renew()
        now = self._clock.now()
        for key, gauge in list(self._certain.items()):
            if gauge.ends_at is not None and gauge.ends_at + 2 * LEASE <= now:
                del self._certain[key]
        for hold in list(self._holds.values()):
            renewed = list(hold.renewed)
            words: list[Any] = [self._now(), str(hold.id), _LEASE_MS]
            for ask in renewed:
                words += [ask.amount, self._kept(ask.gauge)]
            if renewed and self._may_ask():
                await self._answer(self._renew(_keys(renewed), words))

    async def seed(self, used: Mapping[Gauge, int]) -> None:
        await self._local.seed(used)
        for gauge, amount in used.items():  # one by one: in a cluster, they are in many places
            words = [amount, self._kept(gauge)]
            if not self._may_ask():
                return
            seeded = self._seed([_PREFIX + gauge.key], words)
            if await self._answer(seeded, otherwise=self) is not self:
                self._certain[gauge.key] = gauge

    async def settled(self) -> None:
        """Return when all that was settled until now has been said."""
        await asyncio.gather(*self._settling)

    async def _say(self, keys: Sequence[str], words: Sequence[Any]) -> None:
        """Say what a call has used. If Redis does not hear it, what is held ends by itself."""
        if self._may_ask():
            await self._answer(self._settle(keys, words))

    def _may_ask(self) -> bool:
        """Tell whether Redis is there, or it is time to try whether it is: one call does that."""
        if not self._is_away:
            return True
        now_s = asyncio.get_running_loop().time()
        if now_s < self._try_at:
            return False
        self._try_at = now_s + _REST_S
        return True

    async def _answer(
        self, question: Awaitable[Any], *, otherwise: Any = None, deadline_s: float | None = None
    ) -> Any:
        """Return what Redis says, or ``otherwise`` if it says nothing in time."""
        try:
            async with asyncio.timeout(self._deadline_s if deadline_s is None else deadline_s):
                said = await question
        except (RedisError, OSError, TimeoutError) as error:
            self._miss(error)
            return otherwise
        if self._is_away:
            self._is_away = False
            self._log.info("limits_shared_again")
        return said

    def _miss(self, error: Exception) -> None:
        self._try_at = asyncio.get_running_loop().time() + _REST_S
        self._certain.clear()
        if not self._is_away:
            self._is_away = True
            self._local.doubt()
            self._log.warning("limits_not_shared", error=repr(error), retry_in_s=_REST_S)

    def _is_certain(self, gauge: Gauge, *, is_known: bool) -> bool:
        return not gauge.is_budget or (is_known and gauge.key in self._certain)

    def _now(self) -> Any:
        return "" if self._time is None else milliseconds(self._time.now())

    def _kept(self, gauge: Gauge) -> int:
        """Return for how long what is counted is kept, in milliseconds."""
        if gauge.ends_at is None:
            return _KEPT_MS
        return max(0, (gauge.ends_at - self._clock.now()) // _MILLISECOND) + _KEPT_MS


def _keys(asks: Sequence[Ask]) -> list[str]:
    return [
        key
        for ask in asks
        for key in (f"{_PREFIX}{ask.gauge.key}", f"{_PREFIX}{ask.gauge.key}:leases")
    ]
