"""What changed, for those who watch."""

import json
from dataclasses import dataclass
from typing import Final, cast

from inventiv_http.client.calls import Stream, stream
from inventiv_http.client.reading import Json

EVENTS_SILENCE_S: Final = 45.0
"""The server says something every 15 s, if only that it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something changed, or, as ``reset``, more than can be told."""

    name: str
    instance_ids: frozenset[str] | None
    """Which instances it is about; None when it does not say."""

    @classmethod
    def read(cls, name: str, data: str) -> "Event":
        """Understand an event of the stream; what cannot be understood may concern anyone."""
        try:
            said: object = json.loads(data)
        except ValueError:
            said = None
        key = {"instance.updated": "ids", "action_log.created": "instance_ids"}.get(name)
        ids = cast("Json", said).get(key) if key and isinstance(said, dict) else None
        if not isinstance(ids, list):
            return cls(name=name, instance_ids=None)
        return cls(name=name, instance_ids=frozenset(map(str, cast("list[object]", ids))))

    def may_concern(self, instance_id: str) -> bool:
        """Tell whether this instance should be looked at again."""
        return self.instance_ids is None or instance_id in self.instance_ids

    @property
    def tells_something(self) -> bool:
        """Whether it says more than that the connection was opened."""
        return self.instance_ids is not None


class Realtime:
    """What changes, as it changes."""

    @stream
    def events(
        self,
        *,
        instance_id: str | None = None,
        topics: str = "instances,actions",
    ) -> Stream[Event]:
        """Yield what changes in the organization, for as long as the server can be reached.

        With the id of an instance, the only actions are those on it; instances are still all. A
        stream that breaks is taken up again where it broke, a bounded number of times. An event
        says what to look at again: it does not say what has become of it.
        """
        return Stream(
            path="/events/stream",
            query={"topics": topics, "instance_id": instance_id},
            read=Event.read,
            silence_s=EVENTS_SILENCE_S,
            lost="The stream of events of {url} is lost.",
            goes_on=lambda event: event.tells_something,
        )
