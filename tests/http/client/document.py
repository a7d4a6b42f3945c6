"""The document of the API, and what is not as it says."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints, is_typeddict

from inventiv_http.client import Call, Stream

Json = dict[str, Any]
DOCUMENT: Final[Json] = json.loads((Path(__file__).parent.parent / "openapi.json").read_text())
FROM_ENGINES: Final = frozenset({"/v1/chat/completions"})
"""What engines answer, the document leaves open: it is tried with a running server instead."""
ANY_TEXT: Final = "018f0000-0000-7000-8000-000000000001"
"""Stands for whatever may be said in words; where only some words may be, for these."""
WORDS: Final[Mapping[Any, tuple[str, ...]]] = {
    str: ("string",),
    int: ("integer",),
    float: ("number", "integer"),
    bool: ("boolean",),
    NoneType: ("null",),
}


def fields(kind: Any) -> dict[str, Any]:
    """Return the fields of a row, without the marks of those that need not be there."""
    return get_type_hints(kind)


def resolved(schema: Json) -> Json:
    """Follow a reference."""
    name = schema.get("$ref", "").rpartition("/")[2]
    named: Json = DOCUMENT["components"]["schemas"]
    return named[name] if name else schema


def alternatives(schema: Json) -> list[Json]:
    """Return all that something may be; nothing in particular may be anything."""
    schema = resolved(schema)
    if "oneOf" in schema:
        return [found for one in schema["oneOf"] for found in alternatives(one)]
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [schema | {"type": kind} for kind in kinds]
    return [schema]


def may_be_read(hint: Any, schema: Json, at: str) -> Iterator[str]:
    """Yield where something of this schema is not what the type says."""
    for one in alternatives(schema):
        wrong = [list(_is_read(kind, one, at)) for kind in _kinds(hint)]
        if all(wrong):
            yield from min(wrong, key=len)


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _is_read(hint: Any, schema: Json, at: str) -> Iterator[str]:
    said = schema.get("type")
    origin = get_origin(hint) or hint
    if hint is Any:
        return
    if is_typeddict(hint):
        yield from _is_row(hint, schema, at)
    elif origin is list and said == "array":
        yield from may_be_read(get_args(hint)[0], schema["items"], f"{at}[]")
    elif origin is dict and said == "object":
        values = get_args(hint)[1]
        if values is not Any:  # else it is read as it comes
            yield from may_be_read(values, schema.get("additionalProperties", {}), f"{at}.*")
    elif said not in WORDS.get(origin, ()):
        yield f"{at} is {said or 'anything'}, and not {origin.__name__}"


def _is_row(kind: Any, schema: Json, at: str) -> Iterator[str]:
    if schema.get("type") != "object":
        yield f"{at} is {schema.get('type')}, and not an object"
        return
    properties = schema.get("properties", {})
    for name, hint in fields(kind).items():
        if name not in properties:
            yield f"{at}.{name} is not documented"
            continue
        if name in kind.__required_keys__ and name not in schema.get("required", ()):
            yield f"{at}.{name} need not be there"
        yield from may_be_read(hint, properties[name], f"{at}.{name}")


def may_be_said(value: Any, schema: Json, at: str) -> Iterator[str]:
    """Yield where a value is not what the schema wants."""
    wrong = [list(_is_said(value, one, at)) for one in alternatives(schema)]
    if all(wrong):
        yield from min(wrong, key=len)


def _is_said(value: Any, schema: Json, at: str) -> Iterator[str]:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    kind = "null" if value is None else kinds.get(type(value), "object")
    wanted = schema.get("type")
    if wanted is not None and wanted != kind and (wanted, kind) != ("number", "integer"):
        yield f"{at} is {kind}, and should be {wanted}"
    elif "enum" in schema and value not in schema["enum"] and value != ANY_TEXT:
        yield f"{at} is {value!r}, and should be one of {schema['enum']}"
    elif kind == "array":
        for one in value:
            yield from may_be_said(one, schema.get("items", {}), f"{at}[]")
    elif kind == "object" and wanted == "object":
        properties = schema.get("properties", {})
        rest = schema.get("additionalProperties")
        missing = [name for name in schema.get("required", ()) if name not in value]
        yield from (f"{at}.{name} is missing" for name in missing)
        for name, said in value.items():
            if name in properties:
                yield from may_be_said(said, properties[name], f"{at}.{name}")
            elif rest is None:
                yield f"{at}.{name} is not documented"
            elif rest is True:
                continue
            else:
                yield from may_be_said(said, rest, f"{at}.{name}")


def operation_of(call: Call[Any] | Stream[Any]) -> Json | None:
    """Return what the document says of the path and method of a call."""
    found: Json | None = DOCUMENT["paths"].get(call.path, {}).get(call.method.lower())
    return found


def problems(call: Call[Any] | Stream[Any]) -> Iterator[str]:
    """Yield where a call is not as the document says."""
    operation = operation_of(call)
    if operation is None:
        yield f"there is no {call.name}"
        return
    documented = {(one["in"], one["name"]): one for one in operation.get("parameters", ())}
    ids = call.ids if isinstance(call, Call) else {}
    for place, said in (("path", ids), ("query", call.query)):
        for name, value in said.items():
            if (place, name) not in documented:
                yield f"{name} is not in the {place}"
            elif value is not None:
                yield from may_be_said(value, documented[place, name]["schema"], name)
    given = {*ids, *(name for name, value in call.query.items() if value is not None)}
    for (_, name), one in documented.items():
        if one["required"] and name not in given:
            yield f"{name} is missing"
    yield from _body_problems(call.body, operation)
    if isinstance(call, Call) and call.path not in FROM_ENGINES:
        yield from _answer_problems(call.answer, operation)


def _body_problems(body: Json | None, operation: Json) -> Iterator[str]:
    wanted = operation.get("requestBody")
    if body is not None and wanted is None:
        yield "there should be no body"
    elif body is None and wanted is not None:
        yield "there should be a body"
    elif wanted is not None:
        yield from may_be_said(body, wanted["content"]["application/json"]["schema"], "body")


def _answer_problems(kind: Any, operation: Json) -> Iterator[str]:
    if kind is NoneType:
        return
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            schema = answer["content"]["application/json"]["schema"]
            yield from may_be_read(kind, schema, "answer")
