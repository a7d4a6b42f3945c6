"""What the mock engine reads and writes: the core of OpenAI's API, in vLLM's dialect.

https://platform.openai.com/docs/api-reference and vLLM's ``entrypoints/openai/protocol.py``.
Fields that are not listed, such as ``temperature``, are accepted and without effect.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

Json: TypeAlias = dict[str, Any]
Positive = Annotated[int, Meta(ge=1)]
One = Annotated[int, Meta(ge=1, le=1)]
Dimensions = Annotated[int, Meta(ge=1, le=4096)]


class Part(Struct):
    """A part of a message. Only text counts: images and the like are not looked at."""

    type: str
    text: str = ""


class Message(Struct):
    """One turn of a chat."""

    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """What is said."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or ())


class StreamOptions(Struct):
    """How to stream."""

    include_usage: bool = False


class Generation(Struct, kw_only=True):
    """What chats and completions have in common."""

    model: str | None = None
    """By default the one model there is."""
    max_tokens: Positive | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: One | None = None
    """One choice only: this engine refuses more rather than return fewer."""
    ignore_eos: bool = False
    """vLLM's own: do not stop before ``max_tokens``, as benchmarks need."""

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage


class NewChat(Generation, kw_only=True):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Positive | None = None

    @property
    def limit_tokens(self) -> int | None:
        """How long the answer may become."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def prompt(self) -> str:
        """Everything the model reads."""
        return "\n".join(message.text for message in self.messages)

    @property
    def last_words(self) -> str:
        """What the user said last."""
        texts = [message.text for message in self.messages if message.role == "user"]
        return texts[-1] if texts else self.messages[-1].text


class NewCompletion(Generation, kw_only=True):
    """``POST /v1/completions``, for one prompt of text."""

    prompt: str | Annotated[list[str], Meta(min_length=1, max_length=1)]
    max_tokens: Positive | None = 16  # OpenAI's own default

    @property
    def text(self) -> str:
        """The prompt."""
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]


class NewEmbeddings(Struct, kw_only=True):
    """``POST /v1/embeddings``, for texts."""

    input: str | Annotated[list[str], Meta(min_length=1)]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Dimensions | None = None

    @property
    def texts(self) -> list[str]:
        """What to embed."""
        return [self.input] if isinstance(self.input, str) else self.input


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How an answer is written: whole, or as the chunks of a stream."""

    id_prefix: str
    whole_object: str
    whole: Callable[[str], Json]
    """Turns the text into a choice."""
    chunk_object: str
    opening: Json | None
    """What a stream says before the first token."""
    piece: Callable[[str], Json]
    """Turns a token into a choice."""
    closing: Json
    """The choice that carries the reason why the answer ends."""


CHAT = Style(
    id_prefix="chatcmpl",
    whole_object="chat.completion",
    whole=lambda text: {"message": {"role": "assistant", "content": text}},
    chunk_object="chat.completion.chunk",
    opening={"delta": {"role": "assistant", "content": ""}},
    piece=lambda token: {"delta": {"content": token}},
    closing={"delta": {}},
)

COMPLETION = Style(
    id_prefix="cmpl",
    whole_object="text_completion",
    whole=lambda text: {"text": text},
    chunk_object="text_completion",
    opening=None,
    piece=lambda token: {"text": token},
    closing={"text": ""},
)


def choice(said: Json, *, finish_reason: str | None = None) -> Json:
    """Return the only choice there is."""
    return {"index": 0, **said, "logprobs": None, "finish_reason": finish_reason}
