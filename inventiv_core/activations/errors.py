"""What can go wrong with activations."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.errors import Conflict


@dataclass(eq=False, kw_only=True)
class ActivationTooLate(Conflict):
    """An instance that is over, or about to be, cannot be activated any more."""

    instance_id: UUID
    status: str
