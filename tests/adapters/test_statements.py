"""Every SQL statement must be one that Postgres can plan against ``schema.sql``."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import walk_packages

import psycopg
import pytest

import inventiv_adapters

PLANNED = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
OTHER = re.compile(r"\s*(CREATE|LISTEN|SET|RESET)\b")
PARAMETER = re.compile(r"%\((\w+)\)s")


def texts() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every constant in a ``postgres`` module."""
    for module in walk_packages(inventiv_adapters.__path__, "inventiv_adapters."):
        if ".postgres" in module.name:
            for name, value in vars(import_module(module.name)).items():
                if not re.fullmatch("_[A-Z_]+", name):
                    continue
                choices = value if isinstance(value, Mapping) else {"": value}
                for choice, text in choices.items():
                    if isinstance(text, str):
                        place = module.name.removeprefix("inventiv_adapters.")
                        yield f"{place}.{name}{choice and f'[{choice}]'}", text


STATEMENTS = {name: text for name, text in texts() if PLANNED.match(text)}


def test_there_are_statements_to_check() -> None:
    assert len(STATEMENTS) > 40
    assert {name.partition(".")[0] for name in STATEMENTS} == {
        "action_logs",
        "activations",
        "catalog",
        "commands",
        "deployments",
        "finops",
        "identity",
        "inference",
        "instances",
        "kernel",
        "models",
        "observability",
        "orchestration",
        "realtime",
        "schema",
        "settings",
        "storages",
        "workbench",
        "workers",
    }


def test_what_is_not_planned_is_known() -> None:
    assert {name for name, text in texts() if OTHER.match(text)} == {
        "kernel.postgres._LISTEN",
        "kernel.postgres.pool._IN_UTC",
        "schema.postgres._AS_BEFORE",
        "schema.postgres._BRIEFLY",
        "schema.postgres._COUNTING",
        "schema.postgres._PATIENTLY",
        "schema.postgres._QUIETLY",
        "schema.postgres._STAY",
    }
    fragments = [
        text
        for name, text in texts()
        if name not in STATEMENTS and not OTHER.match(text) and re.search(r"\s", text)
    ]
    assert fragments == []  # names of columns, and prefixes


@pytest.fixture(scope="module")
def connection(postgres_server: str, template: str) -> Iterator[psycopg.Connection]:
    """A connection to a database with the schema, in which nothing is changed."""
    with psycopg.connect(postgres_server, dbname=template, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_can_be_planned(connection: psycopg.Connection, name: str) -> None:
    numbers: dict[str, str] = {}
    numbered = PARAMETER.sub(
        lambda match: numbers.setdefault(match[1], f"${len(numbers) + 1}"), STATEMENTS[name]
    )
    connection.execute(f"PREPARE statement AS {numbered}".encode())
    connection.execute("DEALLOCATE statement")
