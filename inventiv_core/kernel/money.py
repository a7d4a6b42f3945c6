"""Money: decimal euros. Floats exist only at the JSON edge."""

from datetime import timedelta
from decimal import Decimal
from typing import Final, TypeAlias

Eur: TypeAlias = Decimal
"""An amount in euros."""

ZERO_EUR: Final = Decimal(0)

_HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)


def cost(per_hour_eur: Eur, duration: timedelta) -> Eur:
    """Return what ``duration`` costs at ``per_hour_eur``; less than nothing is nothing.

    Rounded once, to 28 significant digits, and not to the cent: sums may go on from here.
    """
    microseconds = max(duration // _MICROSECOND, 0)
    return per_hour_eur * microseconds / (_HOUR // _MICROSECOND)
