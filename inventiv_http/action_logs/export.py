"""Actions as files, written while they are read."""

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Final

import msgspec

from inventiv_core.action_logs.views import ActionLogRow
from inventiv_http.action_logs.schemas import columns

Batches = AsyncIterator[Sequence[ActionLogRow]]

_NAMES: Final = tuple(field.name for field in fields(ActionLogRow))
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula: a quote before it makes it a text."""


class ExportFormat(StrEnum):
    """What the file is."""

    CSV = "csv"
    """Comma-separated values (RFC 4180), with a line of names."""
    NDJSON = "ndjson"
    """One JSON object on each line."""

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return {"csv": "text/csv", "ndjson": "application/x-ndjson"}[self]


async def written(batches: Batches, form: ExportFormat) -> AsyncGenerator[bytes]:
    """Yield the file, batch by batch: no more than one is held."""
    write = _as_csv if form is ExportFormat.CSV else _as_ndjson
    if form is ExportFormat.CSV:
        yield ",".join(_NAMES).encode() + b"\r\n"
    async for batch in batches:
        if batch:
            yield write(batch)


def _as_ndjson(batch: Sequence[ActionLogRow]) -> bytes:
    return msgspec.json.Encoder().encode_lines(batch)


def _as_csv(batch: Sequence[ActionLogRow]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, _NAMES)
    for row in batch:
        writer.writerow({name: _cell(value) for name, value in columns(row).items()})
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
