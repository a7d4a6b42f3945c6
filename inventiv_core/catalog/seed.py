"""What is known about the market from the start. Prices as of January 2026."""

from dataclasses import dataclass
from decimal import Decimal

from inventiv_core.kernel.money import Eur

_GBIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SeededType:
    """An instance type to start with."""

    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int
    cost_per_hour: Eur
    zone: str
    name: str


@dataclass(frozen=True, slots=True)
class SeededRegion:
    """A region to start with."""

    code: str
    name: str
    zones: tuple[tuple[str, str], ...] = ()
    """By code and name."""
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededProvider:
    """A provider to start with."""

    code: str
    name: str
    description: str
    regions: tuple[SeededRegion, ...] = ()
    types: tuple[SeededType, ...] = ()


def _scaleway(
    code: str, gpus: int, vram: int, cpus: int, ram: int, gbit: Decimal, price: str
) -> SeededType:
    bandwidth_bps = int(gbit * _GBIT)
    return SeededType(
        code, gpus, vram, cpus, ram, bandwidth_bps, Decimal(price), "fr-par-2", name=code
    )


_2_5 = Decimal("2.5")

PROVIDERS = (
    SeededProvider(
        code="mock",
        name="Mock",
        description="Simulated machines on this host, for trying things out.",
        regions=(SeededRegion("local", "Local", (("local", "Local"),)),),
        types=(
            SeededType(
                "mock-local-instance", 1, 2, 4, 8, _GBIT, Decimal(0), "local", "Local Instance"
            ),
        ),
    ),
    SeededProvider(
        code="scaleway",
        name="Scaleway",
        description="GPU instances in Paris, Amsterdam and Warsaw.",
        regions=(
            SeededRegion("fr-par", "Paris", (("fr-par-1", "Paris 1"), ("fr-par-2", "Paris 2"))),
            SeededRegion("nl-ams", "Amsterdam", (("nl-ams-1", "Amsterdam 1"),)),
            SeededRegion("pl-waw", "Warsaw", is_active=False),
        ),
        types=(
            _scaleway("RENDER-S", 1, 16, 10, 42, Decimal(2), "1.2210"),
            _scaleway("L4-1-24G", 1, 24, 8, 48, _2_5, "0.7500"),
            _scaleway("L4-2-24G", 2, 24, 16, 96, Decimal(5), "1.5000"),
            _scaleway("L4-4-24G", 4, 24, 32, 192, Decimal(10), "3.0000"),
            _scaleway("L4-8-24G", 8, 24, 64, 384, Decimal(20), "6.0000"),
            _scaleway("L40S-1-48G", 1, 48, 8, 96, _2_5, "1.3999"),
            _scaleway("L40S-2-48G", 2, 48, 16, 192, Decimal(5), "2.7998"),
            _scaleway("L40S-4-48G", 4, 48, 32, 384, Decimal(10), "5.5997"),
            _scaleway("L40S-8-48G", 8, 48, 64, 768, Decimal(20), "11.1994"),
            _scaleway("H100-1-80G", 1, 80, 24, 240, Decimal(10), "2.7300"),
            _scaleway("H100-2-80G", 2, 80, 48, 480, Decimal(20), "5.4600"),
            _scaleway("H100-SXM-2-80G", 2, 80, 32, 240, Decimal(20), "6.0180"),
            _scaleway("H100-SXM-4-80G", 4, 80, 64, 480, Decimal(20), "11.6100"),
            _scaleway("H100-SXM-8-80G", 8, 80, 128, 960, Decimal(20), "23.0280"),
            _scaleway("B300-SXM-8-288G", 8, 288, 224, 3840, Decimal(20), "60.0000"),
        ),
    ),
    SeededProvider(code="ovh", name="OVH", description="OVHcloud."),
)
