"""Whether the caller is still there: nobody works for one who has left."""

import asyncio
from types import TracebackType
from typing import Final, Self

from litestar.types import Receive

from inventiv_http.connections.calls import Call

_GLANCE_S: Final = 0.05
"""When it is first looked whether the caller is still there, at a server that does not say it by
itself. Most answers are there before, and a task for each of them would cost too much."""


class Presence:
    """Cancels what is done inside when the caller leaves, and swallows that it did.

    To be entered when the whole request is read: whatever comes then is the end.
    """

    def __init__(self, receive: Receive, call: Call | None) -> None:
        """Take what messages come from, and the connection, if it is one that tells who leaves."""
        self._receive = receive
        self._call = call
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._watch: asyncio.Task[None] | None = None
        self.has_left = False
        """Whether the caller has left before the answer was over."""

    def __enter__(self) -> Self:
        call = self._call
        if call is not None:
            self._task = call.task
            call.on_leave = self._leave
            if call.disconnected:
                self._leave()
        else:
            self._task = asyncio.current_task()
            self._timer = asyncio.get_running_loop().call_later(_GLANCE_S, self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._is_over = True
        if self._call is not None:
            self._call.on_leave = None
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        is_ours = self.has_left and self._task is not None and self._task.uncancel() == 0
        return is_ours and kind is asyncio.CancelledError

    def over(self) -> None:
        """The last part of the answer is about to go out: the end is no leaving any more."""
        self._is_over = True

    def _begin(self) -> None:
        if not self._is_over:
            self._watch = asyncio.create_task(self._until_left(), name="caller left")
            self._watch.add_done_callback(self._is_done)

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _is_done(self, watch: asyncio.Task[None]) -> None:
        if not watch.cancelled():
            watch.result()
            self._leave()

    def _leave(self) -> None:
        if self._is_over or self.has_left:
            return
        self.has_left = True
        if self._task is not None:
            self._task.cancel()
