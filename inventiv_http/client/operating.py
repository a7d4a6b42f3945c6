"""What operators look at and trigger: whether it lives, and commands."""

from typing import Final, TypedDict

from inventiv_http.client.calls import Call, call
from inventiv_http.client.reading import Json

HEALTH_S: Final = 2.0


class Health(TypedDict):
    """That a process is alive."""

    status: str


class Triggered(TypedDict):
    """That a command waits to be carried out."""

    command_id: str
    message: str


class Command(TypedDict):
    """Something that was triggered, and what came of it."""

    id: str
    kind: str
    state: str
    asked_by_name: str | None
    asked_at: str
    ended_at: str | None
    result: Json | None
    error: str | None


class Operating:
    """What operators do by hand."""

    @call
    def health(self) -> Call[Health]:
        """Say whether a server answers there, at once."""
        return Call(path="/health", answer=Health, within_s=HEALTH_S, is_urgent=True)

    @call
    def reconcile(self) -> Call[Triggered]:
        """Have every instance and every rented machine looked at soon."""
        return Call(method="POST", path="/reconcile", answer=Triggered)

    @call
    def sync_catalog(self) -> Call[Triggered]:
        """Have the providers asked what they have, soon."""
        return Call(method="POST", path="/catalog/sync", answer=Triggered)

    @call
    def command(self, command_id: str) -> Call[Command]:
        """Look at what came of a command."""
        return Call(path="/commands/{command_id}", ids={"command_id": command_id}, answer=Command)

    @call
    def commands(self, *, limit: int = 20) -> Call[list[Command]]:
        """List what was triggered, the newest first."""
        return Call(path="/commands", query={"limit": limit}, answer=list[Command])
