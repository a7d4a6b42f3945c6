"""Statements of wallets as files."""

import csv
import io
from typing import Final

from inventiv_core.finops.views.wallets import Statement, StatementLine
from inventiv_http.finops.schemas.wallets import LineBody

_NAMES: Final = LineBody.__struct_fields__
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula: a quote before it makes it a text."""


def as_csv(statement: Statement) -> bytes:
    """Return the statement as comma-separated values (RFC 4180), with exact amounts.

    Its first and last lines are the balances, so that the column of amounts adds up.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_NAMES)
    start, end = statement.month.start, statement.month.end
    writer.writerow(["opening_balance", start.isoformat(), *[""] * 5, f"{statement.opening_eur:f}"])
    for line in statement.lines:
        writer.writerow([_cell(line, name) for name in _NAMES])
    writer.writerow(["closing_balance", end.isoformat(), *[""] * 5, f"{statement.closing_eur:f}"])
    return text.getvalue().encode()


def _cell(line: StatementLine, name: str) -> object:
    match name:
        case "at":
            return line.at.isoformat()
        case "amount_eur":
            return f"{line.amount_eur:f}"
        case _:
            value: object = getattr(line, name)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
