"""Server-sent events: what is written to those who watch."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

import msgspec

from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.identity.events import ActRecorded
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message

MAX_INSTANCE_IDS: Final = 200
MAX_ACTION_IDS: Final = 500

_HELLO: Final = b'event: hello\ndata: {"ok":true}\n'
_RESET: Final = b'event: reset\ndata: {"ok":true}\n'
_KEEP_ALIVE: Final = b": keep-alive\n\n"


class InstancesUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """The data of ``instance.updated``."""

    ids: list[UUID]
    emitted_at: datetime


class ActionsCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The data of ``action_log.created``: actions that began, or ended."""

    ids: list[UUID]
    instance_ids: list[UUID]
    emitted_at: datetime


def hello(position: int | None = None) -> bytes:
    """Return the greeting; with a position, whoever has read it has everything up to there."""
    return _HELLO + _id(position) + b"\n"


def reset(position: int) -> bytes:
    """Return the event that says: what you have missed is not known, read everything anew."""
    return _RESET + _id(position) + b"\n"


def moved(position: int) -> bytes:
    """Return a frame without data: it changes what a client sends as ``Last-Event-ID``, no more."""
    return _id(position) + b"\n"


def keep_alive(position: int | None = None) -> bytes:
    """Return a comment, with a new position if there is one: nobody asks again for nothing."""
    return _KEEP_ALIVE if position is None else _id(position) + _KEEP_ALIVE


def goodbye(retry_ms: int) -> bytes:
    """Return what tells a client when to come back."""
    return b"retry: %d\n\n" % retry_ms


def frames(messages: Sequence[Message], *, until: int, now: datetime) -> bytes:
    """Return events, in order, for somebody who then has everything ``until`` that number.

    Each frame ends where its id says, so that a line may break between any two of them.
    """
    pieces = list(_pieces(messages))
    ends = [piece[-1].id for piece in pieces]
    ends[-1:] = [until] * len(ends[-1:])
    return b"".join(_frame(*piece, now) for piece in zip(pieces, ends, strict=True))


def _pieces(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Cut where the kind changes, and where a piece gets too long."""
    for is_instance, run in groupby(messages, lambda m: isinstance(m.event, InstanceChanged)):
        longest = MAX_INSTANCE_IDS if is_instance else MAX_ACTION_IDS
        alike = list(run)
        for start in range(0, len(alike), longest):
            yield alike[start : start + longest]


def _frame(piece: Sequence[Message], end: int, now: datetime) -> bytes:
    if isinstance(piece[0].event, InstanceChanged):
        name = b"instance.updated"
        ids = (m.event.instance_id for m in piece if isinstance(m.event, InstanceChanged))
        data: msgspec.Struct = InstancesUpdated(ids=_unique(ids), emitted_at=now)
    else:
        name = b"action_log.created"
        actions = (
            m.event.action_log_id for m in piece if isinstance(m.event, ActionLogged | ActRecorded)
        )
        about = (m.event.instance_id for m in piece if isinstance(m.event, ActionLogged))
        data = ActionsCreated(
            ids=_unique(actions),
            instance_ids=sorted(set(about)),
            emitted_at=now,
        )
    return b"event: %b\ndata: %b\n%b\n" % (name, msgspec.json.encode(data), _id(end))


def _id(position: int | None) -> bytes:
    return b"" if position is None else b"id: %d\n" % position


def _unique(ids: Iterable[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))
