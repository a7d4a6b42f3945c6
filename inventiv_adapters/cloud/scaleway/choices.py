"""What an operator chooses for Scaleway."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ZONES: Final = (
    "fr-par-1", "fr-par-2", "fr-par-3", "nl-ams-1", "nl-ams-2", "nl-ams-3",
    "pl-waw-1", "pl-waw-2", "pl-waw-3",
)  # fmt: skip
"""Where servers can be rented (the zones that the Instance API names)."""

IMAGE: Final = "ubuntu_noble_gpu_os_13_nvidia"
"""Ubuntu with NVIDIA's driver, Docker and the toolkit that connects them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalewayChoices:
    """What an operator chooses once for all accounts."""

    zones: Sequence[str] = ZONES
    """Where to look for machines and offers."""
    image: str = IMAGE
    """An image of the marketplace by its label, or any by its id."""
    callers: Sequence[str] = ()
    """From which networks engines are called: nobody else is let in."""
    create_s: float = 90.0
    """How long it may take to make a server and everything it needs."""
    poll_s: float = 1.0
    """Between looks at a disk that is being made."""
