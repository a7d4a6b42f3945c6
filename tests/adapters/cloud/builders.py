"""Test data about machines, and patience: what everybody has who tests an adapter of theirs."""

from inventiv_adapters.testing.machines import (
    ACME,
    ENGINE_KEY,
    HERE,
    MODEL,
    NOWHERE,
    OURS,
    SECRET,
    THEIRS,
    THERE,
    a_tag,
    an_order,
    eventually,
    rented,
    started,
)

__all__ = [
    "ACME",
    "ENGINE_KEY",
    "HERE",
    "MODEL",
    "NOWHERE",
    "OURS",
    "SECRET",
    "THEIRS",
    "THERE",
    "a_tag",
    "an_order",
    "eventually",
    "rented",
    "started",
]
