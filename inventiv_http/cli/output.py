"""Where words go: a terminal for people, one JSON document for programs, stderr for problems."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.console import Console

from inventiv_http.cli.errors import CommandFailed

if TYPE_CHECKING:
    from rich.progress import Progress

# Of a pipe, which has none of its own.
PIPE_COLUMNS = 100
WIDEST_TABLE = 10_000
# Text from a server or a model must not be able to drive the terminal.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return the text without control characters, line breaks and tabs excepted."""
    return CONTROL_CHARACTERS.sub("", text)


def euros(amount: float | None) -> str:
    """Write an amount with the four decimals prices have."""
    return "?" if amount is None else f"€{amount:.4f}"


def known(name: str | None) -> str:
    """Write a name the server may not have; it then says "Unknown …", or nothing."""
    return "-" if not name or name.startswith("Unknown ") else name


def instant(written: str | None) -> str:
    """Write an instant of the server to the second; it is UTC."""
    return written[:19].replace("T", " ") if written else "-"


def complain(failed: CommandFailed) -> None:
    """Say on stderr what went wrong, and what to do."""
    typer.echo(f"{typer.style('Error:', fg='red')} {printable(failed.sentence)}", err=True)
    if failed.advice:
        typer.echo(printable(failed.advice), err=True)


def _console(width: int | None = None) -> Console:
    if width is None and not sys.stdout.isatty():
        width = PIPE_COLUMNS
    return Console(markup=False, highlight=False, emoji=False, width=width)


@dataclass(frozen=True, slots=True)
class Bar:
    """One line that shows how far something is."""

    progress: Progress

    def show(self, stage: str, percent: int | None) -> None:
        """Move the bar; until it has a percentage it only shows that something happens."""
        total = None if percent is None else 100
        for task in self.progress.tasks:
            self.progress.update(task.id, description=stage, completed=percent, total=total)


@dataclass(frozen=True, slots=True)
class Output:
    """What one command says. With `as_json`, stdout gets the document and nothing else."""

    as_json: bool = False
    console: Console = field(default_factory=_console)

    def say(self, sentence: str) -> None:
        """Tell a person something."""
        if not self.as_json:
            self.console.print(printable(sentence), soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Tell anyone something that is not the answer."""
        typer.echo(printable(sentence), err=True)

    def piece(self, text: str) -> None:
        """Write a piece of an answer as it arrives."""
        if not self.as_json:
            sys.stdout.write(printable(text))
            sys.stdout.flush()

    def document(self, value: object) -> None:
        """Give a program its answer."""
        if self.as_json:
            typer.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
        """Show rows; a column whose name ends in a space is a number, set to the right."""
        if self.as_json:
            return
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - a server shows no tables
        from rich.table import Table  # noqa: PLC0415

        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for name in columns:
            side: Literal["left", "right"] = "right" if name.endswith(" ") else "left"
            table.add_column(name.strip(), justify=side, no_wrap=True)
        for row in rows:
            table.add_row(*(printable(str(cell)) for cell in row))
        if not table.row_count:
            self.say(empty)
            return
        # Lines too long are the terminal's to break: an id cut short is of no use.
        wide = _console(WIDEST_TABLE)
        wide.print(table, width=wide.measure(table).maximum)

    def progress(self) -> Progress:
        """Return a live bar with one task, to be entered."""
        from rich.progress import (  # noqa: PLC0415 - a server shows no bars
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        progress = Progress(
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self.console,
            disable=self.as_json,
        )
        progress.add_task("waiting", total=None)
        return progress
