"""How the mock cloud behaves: how long things take, and what goes wrong."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import Random


class FaultKind(StrEnum):
    """What can go wrong at a provider. The first three may befall any call."""

    DENIED = "denied"
    """Our credentials are not accepted: 401 or 403."""
    THROTTLED = "throttled"
    """We ask too often: 429."""
    SERVER_ERROR = "server_error"
    """The provider fails before it does anything; the caller cannot know that: 5xx."""
    NOT_FOUND = "not_found"
    """The provider says that a machine is not there, though it is: 404."""
    OUT_OF_STOCK = "out_of_stock"
    """There is no such machine to rent."""
    CREATE_LOST = "create_lost"
    """The machine is rented, but the answer is lost."""
    SLOW_BOOT = "slow_boot"
    """The machine takes ten times as long to boot."""
    NO_AGENT = "no_agent"
    """The machine runs, but its software never comes up: neither agent nor engine."""
    VANISH = "vanish"
    """The machine runs, and some seconds later the provider no longer has it."""
    DISK_FULL = "disk_full"
    """The model does not fit on the machine's disk: its agent reports, its engine never serves."""
    CLOCK_SKEW = "clock_skew"
    """The machine's clock is an hour ahead."""


FATES = (
    FaultKind.SLOW_BOOT,
    FaultKind.NO_AGENT,
    FaultKind.VANISH,
    FaultKind.DISK_FULL,
    FaultKind.CLOCK_SKEW,
)
"""Decided when a machine is rented, and its lot for good."""

SKEW = timedelta(hours=1)
"""How far a clock is ahead that is wrong."""

_SLOWNESS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong, and how often."""

    kind: FaultKind
    probability: float
    """From 0 (never) to 1 (always)."""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            message = f"{self}: a probability is a number from 0 to 1"
            raise ValueError(message)

    def __str__(self) -> str:
        return f"{self.kind}={self.probability!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MockBehaviour:
    """How long each step of a machine's life takes, and what goes wrong how often."""

    boot_s: float = 2.0
    """From the start to a running machine with an address."""
    install_s: float = 1.5
    """From running to an agent that reports for duty."""
    load_s: float = 1.5
    """From the agent's first report to an engine that serves the model."""
    delete_s: float = 0.5
    """From the order to delete until the machine is gone."""
    token_delay_s: float = 0.02
    """What the engine takes for each token."""
    vanish_after_s: float = 5.0
    """How long a machine runs that is to vanish."""
    max_running_requests: int = 256
    """How many requests an engine works on at once; the others wait. vLLM's own default."""
    seed: int = 0
    """What all chance follows from: the same seed and the same calls meet the same faults."""
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        durations = {
            "boot_s": self.boot_s,
            "install_s": self.install_s,
            "load_s": self.load_s,
            "delete_s": self.delete_s,
            "token_delay_s": self.token_delay_s,
            "vanish_after_s": self.vanish_after_s,
        }
        for name, duration_s in durations.items():
            if not 0 <= duration_s < float("inf"):
                message = f"{name}={duration_s!r}: a duration is a number of seconds from 0 on"
                raise ValueError(message)
        if self.max_running_requests < 1:
            message = f"max_running_requests={self.max_running_requests!r}: at least 1"
            raise ValueError(message)
        kinds = [fault.kind for fault in self.faults]
        for kind in kinds:
            if kinds.count(kind) > 1:
                message = f"{kind}: given more than once"
                raise ValueError(message)

    def probability(self, kind: FaultKind) -> float:
        """Return how often a fault occurs: never, if it is not listed."""
        return next((fault.probability for fault in self.faults if fault.kind is kind), 0.0)

    def boot(self, *, slow: bool) -> timedelta:
        """Return how long a machine boots."""
        return timedelta(seconds=self.boot_s * (_SLOWNESS if slow else 1))

    def dice(self) -> Random:
        """Return a new source of chance, which begins where every other began."""
        return Random(self.seed)  # noqa: S311 - it has to repeat; nothing secret is made of it


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read faults from a text such as ``out_of_stock=0.1,create_lost=0.5``; empty means none.

    Raises:
        ValueError: Names the part that is wrong, and the kinds there are.
    """
    if not text.strip():
        return ()
    faults: list[Fault] = []
    for part in text.split(","):
        fault = _parse_fault(part)
        if any(fault.kind is other.kind for other in faults):
            raise _bad(part, "this fault is given more than once")
        faults.append(fault)
    return tuple(faults)


def _parse_fault(part: str) -> Fault:
    name, equals, number = part.partition("=")
    if not equals:
        raise _bad(part, "a fault looks like out_of_stock=0.1")
    try:
        kind = FaultKind(name.strip())
    except ValueError as error:
        raise _bad(part, "there is no such fault") from error
    try:
        return Fault(kind=kind, probability=float(number))
    except ValueError as error:
        raise _bad(part, "a probability is a number from 0 to 1") from error


def _bad(part: str, reason: str) -> ValueError:
    kinds = ", ".join(FaultKind)
    return ValueError(f"{part.strip()!r}: {reason}. Known faults: {kinds}.")
