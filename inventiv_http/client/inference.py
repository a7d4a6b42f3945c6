"""Models that answer, as OpenAI's API has it."""

from typing import Any, Final, NotRequired, TypedDict, cast

from inventiv_http.client.calls import Call, Stream, call, stream
from inventiv_http.client.errors import BrokenOff
from inventiv_http.client.reading import Json, parsed, read_object, read_row

COMPLETIONS: Final = "/v1/chat/completions"
COMPLETION_S: Final = 600.0
TOKENS_SILENCE_S: Final = 120.0
"""A model may think for long before its first token, and between two."""
END: Final = "[DONE]"


class ServedModel(TypedDict):
    """A model that answers; the id is what to send."""

    id: str
    owned_by: NotRequired[str]


class ServedModels(TypedDict):
    """The models that answer."""

    data: list[ServedModel]


class Completion(TypedDict):
    """An answer of a model, or a piece of one, as OpenAI's API has it."""

    choices: list[dict[str, Any]]
    usage: NotRequired[dict[str, Any] | None]


class Inference:
    """What models answer."""

    @call
    def served_models(self) -> Call[ServedModels]:
        """List the models that answer the caller now."""
        return Call(path="/v1/models", answer=ServedModels)

    @call
    def complete(self, body: Json) -> Call[Completion]:
        """Ask a model for an answer, and wait for all of it; the body is OpenAI's."""
        return Call(
            method="POST",
            path=COMPLETIONS,
            body=body,
            answer=Completion,
            within_s=COMPLETION_S,
        )

    @stream
    def complete_in_pieces(self, body: Json) -> Stream[Completion]:
        """Ask a model for an answer, and yield its pieces as they come.

        Raises `BrokenOff` when the server cannot go on.
        """
        return Stream(
            method="POST",
            path=COMPLETIONS,
            body=body | {"stream": True},
            read=_piece,
            silence_s=TOKENS_SILENCE_S,
            within_s=COMPLETION_S,
            lost="The answer stopped before its end.",
        )


def _piece(_name: str, data: str) -> Completion | None:
    if data == END:
        return None
    said = read_object(parsed(data))
    if error := said.get("error"):  # it has begun with 200 before it could fail
        why = cast("Json", error).get("message") if isinstance(error, dict) else None
        raise BrokenOff(sentence=f"The answer broke off: {why or error}")
    return read_row(Completion, said)
