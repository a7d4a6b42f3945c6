"""How often something may be tried: what stands between a password and a guesser."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from inventiv_core.identity.errors.access import TooManyAttempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How often something was tried since its window began."""

    count: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How often something may be tried in a window of time, which begins with the first try."""

    most: int
    window: timedelta

    def must_cover(self, made: Attempts, *, now: datetime) -> None:
        """Raise `TooManyAttempts`, with the time left in the window, if these are too many."""
        if made.count <= self.most:
            return
        left = made.since + self.window - now
        raise TooManyAttempts(retry_after_s=max(ceil(left.total_seconds()), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetAllowances:
    """How many password resets may be asked for: for one account, and from one address."""

    per_account: Allowance
    per_address: Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAllowances:
    """How many logins may fail: on one account, from whatever address, and from one address."""

    per_account: Allowance
    per_address: Allowance
