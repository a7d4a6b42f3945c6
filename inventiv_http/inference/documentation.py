"""What the document of the API says of calls to models: what the gateway reads of them.

All else in a call, and in its answer, is between the caller and the engine.
"""

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

_CALL: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["model"],
    properties={
        "model": Schema(
            type=OpenAPIType.STRING,
            description="A model of the catalog, or an offering as organization/code.",
        ),
        "stream": Schema(
            type=[OpenAPIType.BOOLEAN, OpenAPIType.NULL],
            description="Whether the answer comes in events.",
        ),
        "stream_options": Schema(
            type=[OpenAPIType.OBJECT, OpenAPIType.NULL],
            properties={"include_usage": Schema(type=[OpenAPIType.BOOLEAN, OpenAPIType.NULL])},
        ),
    },
    additional_properties=True,
)


@dataclass
class Call(Operation):
    """A call to a model."""

    def __post_init__(self) -> None:
        """Say what is taken, and what comes back."""
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=_CALL)}, required=True
        )
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="What the engine says, as it says it.",
                content={
                    "application/json": OpenAPIMediaType(schema=Schema()),
                    "text/event-stream": OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING)),
                },
            ),
        }
