"""What was measured, as people look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFilter:
    """Which series to find, and of what time."""

    instance_id: UUID | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One quantity over time: all lists are as long as the list of instants."""

    mean: Sequence[float | None]
    lowest: Sequence[float | None]
    highest: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one GPU, or one machine, has measured."""

    instance_id: UUID
    instance_name: str | None
    provider_name: str
    gpu_count: int
    gpu_index: int
    """0 for machines."""
    at: Sequence[datetime]
    measured: Mapping[str, Measured] = field(default_factory=dict[str, Measured])
    """By the name of the quantity: what goes up and down."""
    capacity: Mapping[str, Sequence[float | None]] = field(
        default_factory=dict[str, Sequence[float | None]]
    )
    """By the name of the quantity: what there is in all, the most that was reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeModelRow:
    """A model that workers of an organization have served, and what serves it now."""

    model_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    instances_available: int
    gpus_available: int
    vram_total_gb: int
    total_requests: int
    failed_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMetrics:
    """What was asked of one instance, since it began."""

    instance_id: UUID
    total_requests: int
    successful_requests: int
    failed_requests: int
    total_input_tokens: int
    total_output_tokens: int
    total_tokens: int
    first_request_at: datetime | None
    last_request_at: datetime | None
