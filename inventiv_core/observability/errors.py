"""What can go wrong with looking at what was measured."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.errors import NotFound


@dataclass(eq=False, kw_only=True)
class NoRequestsYet(NotFound):
    """No request to such an instance has been counted in this organization."""

    instance_id: UUID
