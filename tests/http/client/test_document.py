"""The client asks what the API's document has, and reads what the document says is answered."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypedDict, Union, get_args, get_origin, is_typeddict

import pytest

from inventiv_http.client import AsyncInventiv, Call, Inventiv, Place
from inventiv_http.client.calls import CallMethod, StreamMethod
from inventiv_http.client.nouns import Nouns
from tests.http.client.document import ANY_TEXT, FROM_ENGINES, Json, fields, operation_of, problems

SAID: Final[Json] = {
    "value_type": "int",
    "values": {"worker_vllm_port": 8000, "worker_vllm_image": None},
    "fields": {"secret_key": "s", "project_id": None},
    "catalog": {"providers": []},
    "topics": "instances",
    "body": {"model": "m", "messages": []},
}
"""What to say where a parameter's type does not tell what it may be."""
OF_TYPE: Final[Json] = {
    "str": ANY_TEXT,
    "int": 1,
    "float": 0.5,
    "bool": True,
    "datetime": datetime(2026, 1, 1, tzinfo=UTC),
    "Decimal": Decimal("1.5"),
    "Place": Place(provider="p", zone="z", type="t"),
    "dict": {},
}


def methods() -> Iterator[tuple[str, CallMethod[..., Any] | StreamMethod[..., Any]]]:
    """Yield everything that either client can ask."""
    for name, found in inspect.getmembers_static(Nouns):
        if isinstance(found, CallMethod | StreamMethod):
            yield name, found


METHODS: Final = dict(methods())


def example(name: str, hint: Any) -> Any:
    """Return what may be said for a parameter."""
    if name in SAID:
        return SAID[name]
    if is_typeddict(hint):
        return {key: example(key, of) for key, of in fields(hint).items()}
    if get_origin(hint) in {Union, UnionType}:
        return example(name, next(of for of in get_args(hint) if of is not NoneType))
    if get_origin(hint) is Literal:
        return get_args(hint)[-1]
    if get_origin(hint) is list:
        return [example(name, get_args(hint)[0])]
    return OF_TYPE[(get_origin(hint) or hint).__name__]


def asked(name: str, *, everything: bool = True) -> Any:
    """Return a call with all that can be said, or with no more than must be."""
    describe = METHODS[name].describe
    hints = inspect.get_annotations(describe, eval_str=True)
    parameters = list(inspect.signature(describe).parameters.values())[1:]
    said = {
        one.name: example(one.name, hints[one.name])
        for one in parameters
        if everything or one.default is inspect.Parameter.empty
    }
    return describe(None, **said)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("everything", [True, False], ids=["everything", "what must be"])
def test_what_is_asked_and_read_is_documented(name: str, everything: bool) -> None:  # noqa: FBT001
    call = asked(name, everything=everything)
    if call.path in FROM_ENGINES and operation_of(call) is None:
        return  # the document may leave it out: it is OpenAI's
    assert list(problems(call)) == []


def test_what_can_be_sent_twice_has_a_key_that_the_server_reads() -> None:
    """The document does not tell: what the routes take is known here."""
    assert {asked(name).name for name in METHODS if getattr(asked(name), "takes_key", False)} == {
        "POST /deployments", "POST /finops/wallet/top-ups",
    }  # fmt: skip


class _Misread(TypedDict):
    idd: str


class _OfAnotherType(TypedDict):
    id: int


class _NeverNull(TypedDict):
    ip_address: str


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (Call(path="/instance", answer=NoneType), "there is no GET /instance"),
        (Call(method="PUT", path="/instances", answer=NoneType), "there is no PUT /instances"),
        (
            Call(path="/instances", query={"archive": True}, answer=NoneType),
            "archive is not in the query",
        ),
        (
            Call(path="/instances", query={"archived": "yes"}, answer=NoneType),
            "archived is string, and should be boolean",
        ),
        (
            Call(path="/instances/{instance_id}", ids={"id": "i"}, answer=NoneType),
            "id is not in the path",
        ),
        (Call(path="/instances/{instance_id}", answer=NoneType), "instance_id is missing"),
        (Call(path="/instances", answer=list[_Misread]), "answer[].idd is not documented"),
        (
            Call(path="/instances", answer=list[_OfAnotherType]),
            "answer[].id is string, and not int",
        ),
        (
            Call(path="/instances", answer=list[_NeverNull]),
            "answer[].ip_address is null, and not str",
        ),
        (Call(path="/instances", answer=_NeverNull), "answer is array, and not an object"),
        (
            Call(method="POST", path="/api_keys", body={"nam": "n", "name": "n"}, answer=NoneType),
            "body.nam is not documented",
        ),
        (
            Call(method="POST", path="/api_keys", body={}, answer=NoneType),
            "body.name is missing",
        ),
        (
            Call(method="POST", path="/api_keys", body={"name": 1}, answer=NoneType),
            "body.name is integer, and should be string",
        ),
        (Call(method="POST", path="/api_keys", answer=NoneType), "there should be a body"),
        (Call(path="/models", body={}, answer=NoneType), "there should be no body"),
    ],
)
def test_what_is_not_documented_is_found(call: Call[Any], problem: str) -> None:
    assert problem in list(problems(call))


@pytest.mark.parametrize("client", [Inventiv, AsyncInventiv])
def test_both_clients_have_every_method(client: type) -> None:
    found = dict(inspect.getmembers_static(client))
    assert len(METHODS) > 50
    assert {name: found[name] for name in METHODS} == METHODS
