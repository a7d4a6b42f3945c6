"""What the server says, taken for what it should be."""

import json
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin

from inventiv_http.client.errors import NotUnderstood

Json = dict[str, Any]
T = TypeVar("T")


def parsed(text: str) -> object:
    """Understand a text as JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise _not_ours(expected="JSON") from error


def read_object(said: object) -> Json:
    """Take something for an object of any shape."""
    if not isinstance(said, dict):
        raise _not_ours(expected="object")
    return cast("Json", said)


def read_answer(kind: type[T], text: str) -> T:
    """Take an answer for a row, a list of rows, an object, or, if nothing is to be read, for that.

    A row has all that rows of its kind have, and may have more: servers of later versions say more.
    """
    if kind is NoneType:
        return cast("T", None)
    said = parsed(text)
    if get_origin(kind) is not list:
        return read_row(kind, said)
    (of,) = get_args(kind)
    if not isinstance(said, list):
        raise _not_ours(expected=f"list of {of.__name__}")
    return cast("T", [read_row(of, row) for row in cast("list[object]", said)])


def read_row(kind: type[T], said: object) -> T:
    """Take something for a row of this kind, if it has all that such a row has."""
    row = read_object(said)
    needed: frozenset[str] = getattr(kind, "__required_keys__", frozenset())
    if not needed <= row.keys():
        raise _not_ours(expected=kind.__name__)
    return cast("T", row)


def _not_ours(*, expected: str) -> NotUnderstood:
    return NotUnderstood(sentence=f"The server's answer is not the {expected} that was asked for.")
