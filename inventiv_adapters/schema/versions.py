"""The schema of this version, and the steps that lead to it from every one before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

BASELINE: Final = 1
"""The first step: it makes whatever was there before steps were counted what it was then."""

_OUTSIDE: Final = "-- outside of a transaction"
_HERE: Final = Path(__file__).parent
_FILE: Final = "schema.sql"


class SchemaOutdated(Exception):
    """The database has to be brought up to date, and nobody here may do so."""


class SchemaBusy(Exception):
    """The database cannot be brought up to date at the moment: somebody is in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step, from a file such as ``0002_words.sql``.

    It must leave the database as programs of the version before expect it, for they go on
    while it is taken: columns are added first, and taken away a version later.
    """

    name: str
    text: str

    @property
    def number(self) -> int:
        """Its place among the others."""
        return int(self.name.partition("_")[0])

    @property
    def is_outside(self) -> bool:
        """Whether its statements run one by one, as making an index concurrently has to.

        What fails in the middle is begun anew: such a step must be repeatable.
        """
        return self.text.startswith(_OUTSIDE)

    @property
    def statements(self) -> tuple[str, ...]:
        """What it does at once; outside of a transaction, each ends at the end of a line."""
        if not self.is_outside:
            return (self.text,)
        pieces = self.text.removeprefix(_OUTSIDE).split(";\n")
        return tuple(piece.strip() for piece in pieces if piece.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a database must be: made at once, or reached step by step."""

    text: str
    """For a database with nothing in it."""
    migrations: tuple[Migration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """How far a database is."""

    is_empty: bool
    """Whether there is nothing in it."""
    missing: tuple[str, ...]
    """Steps still to be taken."""
    unknown: tuple[str, ...]
    """Steps that a newer program has taken. This one can go on: see `Migration`."""

    @property
    def is_current(self) -> bool:
        """Whether a program of this version can work with it."""
        return not self.is_empty and not self.missing


def shipped_schema() -> Schema:
    """Return the schema of this version; its text stands at the top of the sources."""
    package, source = _HERE.parent / _FILE, _HERE.parent.parent / _FILE
    return Schema(
        text=(package if package.exists() else source).read_text(),
        migrations=tuple(
            Migration(name=file.stem, text=file.read_text())
            for file in sorted((_HERE / "migrations").glob("*.sql"))
        ),
    )
