"""What can go wrong on the command line."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(eq=False, kw_only=True)
class CommandFailed(Exception):
    """The command could not do what was asked: a sentence, and what to do about it."""

    exit_code: ClassVar[int] = 1

    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} {self.advice}".strip()


class UsageWrong(CommandFailed):
    """The command was not told enough, or was told things that disagree."""

    exit_code: ClassVar[int] = 2
