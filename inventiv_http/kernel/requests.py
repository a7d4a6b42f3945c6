"""Requests whose bodies are read as they were meant to be, or refused."""

from typing import Any

from litestar import Request
from litestar.exceptions import SerializationException

from inventiv_core.identity.access import Actor
from inventiv_core.identity.use_cases.recognition import Recognised


class JsonRequest(Request[Recognised, Actor, Any]):
    """A request of which any body that is not JSON is the client's error.

    Litestar lets two of the reader's errors through as if they were ours.
    """

    async def json(self) -> Any:
        """Return the body, decoded."""
        try:
            return await super().json()
        except RecursionError:
            sentence = "Lists and objects in the body are too many times inside each other."
        except UnicodeDecodeError:
            sentence = "The body is not UTF-8."
        raise SerializationException(sentence)
