"""What one atomic piece of work on costs and wallets may touch."""

from typing import Protocol

from inventiv_core.finops.ports.costs import CostBooks


class CostWork(Protocol):
    """What closing hours touches."""

    @property
    def cost_books(self) -> CostBooks: ...
