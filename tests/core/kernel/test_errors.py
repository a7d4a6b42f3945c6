"""Every error is a sentence, of one kind, with a name."""

import importlib
import pkgutil
import re
from dataclasses import fields

import pytest

import inventiv_core
from inventiv_core.instances.errors import TransitionNotAllowed
from inventiv_core.kernel.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    RuleBroken,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unpaid,
    Upstream,
)

KINDS = (
    Conflict, Forbidden, Invalid, NotFound, RuleBroken, TooMany, Unauthenticated, Unavailable,
    Unpaid, Upstream,
)  # fmt: skip


def _leaves(error: type[DomainError] = DomainError) -> list[type[DomainError]]:
    below = [leaf for child in error.__subclasses__() for leaf in _leaves(child)]
    return below if below or error in {DomainError, *KINDS} else [error]


for _module in pkgutil.walk_packages(inventiv_core.__path__, "inventiv_core."):
    importlib.import_module(_module.name)

ERRORS = [error for error in _leaves() if error.__module__.startswith("inventiv_core.")]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_has_one_kind_and_says_what_is_wrong(error: type[DomainError]) -> None:
    assert sum(issubclass(error, kind) for kind in KINDS) == 1
    assert error.__doc__ is not None
    sentence = str(error(**{field.name: "" for field in fields(error)}))
    assert re.fullmatch(r"[A-Z\"'].+\.", sentence)
    assert re.fullmatch(r"[a-z_]+|[A-Z_]+", error.code)
    assert re.fullmatch(r"[a-z_]+", error.kind)


def test_every_error_can_be_told_from_the_others_by_its_code() -> None:
    codes = [error.code for error in ERRORS]
    assert len(codes) == len(set(codes)) > 20


def test_every_kind_has_a_word_of_its_own() -> None:
    assert len({kind.kind for kind in KINDS} - {DomainError.kind}) == len(KINDS)


def test_an_error_has_its_facts() -> None:
    error = TransitionNotAllowed(from_status="ready", to_status="archived")
    assert error.facts == {"from_status": "ready", "to_status": "archived"}
    assert error.code == "transition_not_allowed"
    assert str(error) == "An instance cannot go from the one status to the other."
