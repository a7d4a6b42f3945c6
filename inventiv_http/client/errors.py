"""What can go wrong between a client and a server."""

from dataclasses import dataclass


@dataclass(eq=False, kw_only=True)
class CallFailed(Exception):
    """A call did not bring what was asked for; the sentence says why."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(eq=False, kw_only=True)
class Refused(CallFailed):
    """The server answered, and the answer is no."""

    status: int
    """The status of HTTP."""
    codes: frozenset[str] = frozenset()
    """What the server calls the reason, such as ``quota_exceeded``: one code or several."""
    request_id: str = ""
    """What the server's log calls the request, if the answer says so."""


@dataclass(eq=False, kw_only=True)
class Unreachable(CallFailed):
    """The server does not answer, or stopped answering."""

    call: str
    """The method, and the path as the API's document has it: ``POST /deployments``."""
    is_connected: bool
    """Whether there was a connection: then what was asked for may have happened all the same."""


class BrokenOff(CallFailed):
    """An answer had begun to come, and the server says that it cannot go on."""


class NotUnderstood(CallFailed):
    """Something answered, and not as an Inventiv server of this version does."""
