"""What callers are told of limits, in OpenAI's words.

https://platform.openai.com/docs/guides/rate-limits: what is left, when all of it is back, and,
of what is refused, the type after what there was too much of.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from litestar import Request, Response

from inventiv_core.inference.entities.gauges import Headroom, Measure
from inventiv_core.inference.errors import BudgetSpent, LimitReached
from inventiv_http.kernel.errors import Json, answer, status_of

_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60 * _SECOND_MS
_HOUR_MS: Final = 60 * _MINUTE_MS


def headroom_headers(headroom: Iterable[Headroom]) -> Iterator[tuple[str, str]]:
    """Yield headers that say what is left."""
    for room in headroom:
        yield f"x-ratelimit-limit-{room.measure}", str(room.limit)
        yield f"x-ratelimit-remaining-{room.measure}", str(room.remaining)
        yield f"x-ratelimit-reset-{room.measure}", duration(room.reset_ms)


def duration(ms: int) -> str:
    """Return a time as OpenAI writes it: ``17ms``, ``8.64s``, ``6m0s``, ``2h0m0s``."""
    if ms < _SECOND_MS:
        return f"{ms}ms"
    hours, rest = divmod(ms, _HOUR_MS)
    minutes, rest = divmod(rest, _MINUTE_MS)
    seconds = f"{rest / _SECOND_MS:g}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def limit_reached(request: Request[Any, Any, Any], error: LimitReached) -> Response[Json]:
    """Answer to a call that limits refuse."""
    rooms = [Headroom(**room) for room in error.headroom]
    kind = "tokens" if error.measure == Measure.TOKENS else "requests"
    return answer(
        request,
        status_of(error),
        kind=error.kind,
        code=error.code,
        detail=str(error),
        facts=error.facts,
        headers={"Retry-After": str(error.retry_after_s), **dict(headroom_headers(rooms))},
        openai_type=error.code if isinstance(error, BudgetSpent) else kind,
    )
