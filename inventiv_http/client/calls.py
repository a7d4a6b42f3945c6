"""Calls as values: what is asked for, and what comes back; the two clients only send them.

A method of a noun says which call it is. `call` and `stream` make of it a method that sends the
call and returns the answer, to be awaited or not, as the client is.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar, overload

from inventiv_http.client.reading import Json

CALL_S: Final = 30.0
REPEATABLE: Final = frozenset({"GET", "DELETE"})
"""Reading, and asking for the end of something, do no harm when repeated."""

T = TypeVar("T")
P = ParamSpec("P")


class Session(Enum):
    """What becomes of the session that the client is known by."""

    KEPT = "kept"
    MAY_CHANGE = "may_change"
    """The answer may bring another token."""
    OPENED = "opened"
    """The answer brings a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """Something to ask a server, and the kind of what it answers."""

    path: str
    """As the API's document has it: ids are named in braces."""
    answer: type[T]
    """A ``TypedDict``, a list of these, a dictionary, or ``NoneType``: then nothing is read."""
    method: str = "GET"
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    """What stands for the names in the path."""
    query: Mapping[str, str | int | float | None] = field(
        default_factory=dict[str, str | int | float | None]
    )
    """None is not said."""
    body: Json | None = None
    takes_key: bool = False
    """Whether the server does it once for each ``Idempotency-Key``, however often it is sent."""
    key: str | None = None
    """The key; without one, each sending has a new one."""
    is_urgent: bool = False
    """Whoever asks wants to know at once: it is tried once only."""
    within_s: float = CALL_S
    """How long the server may take."""
    session: Session = Session.KEPT

    @property
    def name(self) -> str:
        """The method, and the path as the API's document has it."""
        return f"{self.method} {self.path}"

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows what became of it."""
        return not self.is_urgent and (self.method in REPEATABLE or self.takes_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(Generic[T]):
    """Something to ask a server that answers piece by piece, in server-sent events."""

    path: str
    read: Callable[[str, str], T | None]
    """Understands the name of an event and its data; None is the end."""
    lost: str
    """What to say when it ends before its end, or for good."""
    silence_s: float
    """How long the server may say nothing at all, and, before it is tried again, not answer."""
    method: str = "GET"
    query: Mapping[str, str | int | float | None] = field(
        default_factory=dict[str, str | int | float | None]
    )
    body: Json | None = None
    within_s: float | None = None
    """How long all of it may take."""
    goes_on: Callable[[T], bool] | None = None
    """Where it can be taken up again after a loss: whether a piece proves that it works."""

    @property
    def name(self) -> str:
        """The method, and the path as the API's document has it."""
        return f"{self.method} {self.path}"


class Sender(ABC):
    """Sends calls, and waits for the answers."""

    @abstractmethod
    def send(self, call: Call[T]) -> T:
        """Ask the server, and return what it answers.

        Raises:
            Refused: The server says no.
            Unreachable: It says nothing.
            NotUnderstood: It says something else.
        """

    @abstractmethod
    def follow(self, stream: Stream[T]) -> Generator[T]:
        """Ask the server, and yield what it says, as it comes.

        Raises:
            Refused: The server says no.
            Unreachable: It says nothing, or nothing more.
            NotUnderstood: It says something else.
        """


class AsyncSender(ABC):
    """Sends calls; the answers are to be awaited."""

    @abstractmethod
    async def send(self, call: Call[T]) -> T:
        """Ask the server, and return what it answers.

        Raises:
            Refused: The server says no.
            Unreachable: It says nothing.
            NotUnderstood: It says something else.
        """

    @abstractmethod
    def follow(self, stream: Stream[T]) -> AsyncGenerator[T]:
        """Ask the server, and yield what it says, as it comes.

        Raises:
            Refused: The server says no.
            Unreachable: It says nothing, or nothing more.
            NotUnderstood: It says something else.
        """


class CallMethod(Generic[P, T]):
    """A method of both clients, as what it asks for."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.describe = describe
        """Returns the call, given the client and what the method is given."""
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Sender | AsyncSender | None, owner: type) -> Any:
        """Bind it to a client."""
        if client is None:
            return self

        @functools.wraps(self.describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self.describe(client, *args, **kwargs))

        return method


class StreamMethod(Generic[P, T]):
    """A method of both clients that yields, as what it asks for."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Stream[T]]) -> None:
        self.describe = describe
        """Returns the stream, given the client and what the method is given."""
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[P, Generator[T]]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[P, AsyncGenerator[T]]: ...
    def __get__(self, client: Sender | AsyncSender | None, owner: type) -> Any:
        """Bind it to a client."""
        if client is None:
            return self

        @functools.wraps(self.describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.follow(self.describe(client, *args, **kwargs))

        return method


def call(describe: Callable[Concatenate[Any, P], Call[T]]) -> CallMethod[P, T]:
    """Make of a description a method that sends the call, and returns what is answered."""
    return CallMethod(describe)


def stream(describe: Callable[Concatenate[Any, P], Stream[T]]) -> StreamMethod[P, T]:
    """Make of a description a method that yields what is answered."""
    return StreamMethod(describe)
