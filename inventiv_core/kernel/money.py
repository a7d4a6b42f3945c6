"""Money: decimal euros. Floats exist only at the JSON edge."""

from decimal import Decimal
from typing import Final, TypeAlias

Eur: TypeAlias = Decimal
"""An amount in euros."""

ZERO_EUR: Final = Decimal(0)
