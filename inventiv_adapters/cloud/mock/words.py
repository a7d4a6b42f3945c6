"""What the mock engine says: an echo, counted and cut into tokens.

The rule: a token is a word, together with the white space before it.
"""

import hashlib
import math
import re
import struct
from dataclasses import dataclass
from itertools import chain, cycle, islice
from typing import Literal

MAX_MODEL_TOKENS = 32_768
"""How long prompt and answer may be together."""

_TOKEN = re.compile(r"\s*\S+")
_ECHOED_TOKENS = 64
_DIMENSIONS = 16
_MOST = 2**32 - 1


def count_tokens(text: str) -> int:
    """Return how many tokens ``text`` has."""
    return len(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the engine is about to say."""

    prompt_tokens: int
    tokens: tuple[str, ...]
    """Put together, they are the text."""
    finish_reason: Literal["stop", "length"]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.tokens)

    @property
    def usage(self) -> dict[str, int]:
        """What was read and said, in the words of the API."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + len(self.tokens),
            "completion_tokens": len(self.tokens),
        }


def echo(
    prompt: str, *, last_words: str, model_id: str, limit_tokens: int | None, is_endless: bool
) -> Answer:
    """Answer with an echo of ``last_words``, within the limit and what the model can hold.

    An endless answer begins again and again, until it meets one of the two.
    """
    heard = " ".join(last_words.split()[:_ECHOED_TOKENS])
    sentence = f'You said: "{heard}". This is {model_id}, simulated: it repeats what it hears.'
    tokens: list[str] = _TOKEN.findall(sentence)
    prompt_tokens = count_tokens(prompt)
    room = max(MAX_MODEL_TOKENS - prompt_tokens, 0)
    limit = room if limit_tokens is None else min(limit_tokens, room)
    if is_endless:
        again = cycle([f" {tokens[0]}", *tokens[1:]])
        tokens = list(islice(chain(tokens, islice(again, limit)), limit))
        is_cut = True
    else:
        is_cut = len(tokens) > limit
    return Answer(
        prompt_tokens=prompt_tokens,
        tokens=tuple(tokens[:limit]),
        finish_reason="length" if is_cut else "stop",
    )


def embed(text: str, *, dimensions: int | None) -> list[float]:
    """Return a vector of length 1 that depends on nothing but ``text``, and says nothing of it."""
    size = dimensions or _DIMENSIONS
    digest = hashlib.shake_256(text.encode()).digest(4 * size)
    numbers = [2 * number / _MOST - 1 for number in struct.unpack(f"<{size}I", digest)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]
