"""How often calls are sent again: enough to hide a broken worker, too little for an avalanche."""

from typing import Final

MAX_ATTEMPTS: Final = 3
"""How many workers one call may try before its first byte."""
RATIO: Final = 0.2
"""Retries that each call pays for."""
RESERVE: Final = 20.0
"""Retries that may be saved up."""


class RetryBudget:
    """Retries of calls that engines refuse, because they are busy or broken.

    When all engines refuse, retries would only add to what they cannot do: so calls pay into
    a budget, and retries come out of it (Finagle's retry budgets). Calls that reach no engine
    do no harm by looking for another, and need none.
    """

    def __init__(self) -> None:
        self._left = RESERVE

    def pay(self) -> None:
        """Add what one call is worth."""
        self._left = min(self._left + RATIO, RESERVE)

    def take(self) -> bool:
        """Take one retry, if there is one."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
