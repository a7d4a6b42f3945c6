"""A run as a file."""

import re
import unicodedata
from enum import StrEnum
from typing import Final

import msgspec

from inventiv_core.workbench.entities import Message
from inventiv_core.workbench.views import Transcript
from inventiv_http.workbench.schemas import TranscriptBody


class ExportFormat(StrEnum):
    """What kind of file."""

    MARKDOWN = "markdown"
    JSON = "json"


MEDIA_TYPES: Final = {
    ExportFormat.MARKDOWN: "text/markdown; charset=utf-8",
    ExportFormat.JSON: "application/json",
}
_ENDINGS: Final = {ExportFormat.MARKDOWN: "md", ExportFormat.JSON: "json"}


def file_name(transcript: Transcript, format: ExportFormat) -> str:
    """Return a name for the file that no system minds."""
    title = transcript.run.title or transcript.run.model_id
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "-", ascii_only).strip("-").lower()[:60].strip("-")
    return f"{plain or 'run'}.{_ENDINGS[format]}"


def written(transcript: Transcript, format: ExportFormat) -> bytes:
    """Return a run, with all that was said in it."""
    if format is ExportFormat.JSON:
        document = msgspec.json.encode(TranscriptBody.of(transcript))
        return msgspec.json.format(document, indent=2)
    return _markdown(transcript).encode()


def _markdown(transcript: Transcript) -> str:
    run = transcript.run
    facts = {
        "Model": f"`{run.model_id}`",
        "Begun": f"{run.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "Status": run.status.value,
        "Time to first token": None if run.ttft_ms is None else f"{run.ttft_ms} ms",
        "Duration": None if run.duration_ms is None else f"{run.duration_ms} ms",
        "Tokens": _tokens(run.input_tokens, run.output_tokens),
        "Cost": None if run.cost_eur is None else f"{run.cost_eur.normalize():f} EUR",
        "Error": None if run.error_message is None else " ".join(run.error_message.split()),
    }
    lines = [f"# {run.title or run.model_id}", ""]
    lines += [f"- {name}: {fact}" for name, fact in facts.items() if fact is not None]
    for message in transcript.messages:
        lines += ["", f"## {message.role.capitalize()}", "", _said(message)]
    return "\n".join(lines) + "\n"


def _said(message: Message) -> str:
    return message.content or "*(not kept)*"


def _tokens(read: int | None, written: int | None) -> str | None:
    return None if read is None and written is None else f"{read or 0} in, {written or 0} out"
