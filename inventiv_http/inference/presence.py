"""Whether the caller is still there: nobody works for one who has left."""

import asyncio
from types import TracebackType
from typing import Self

from litestar.types import Receive


class Presence:
    """Cancels what is done inside when the caller leaves, and swallows that it did.

    To be entered when the whole request is read: whatever comes then is the end.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_over = False
        self.has_left = False
        """Whether the caller has left before the answer was over."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        self._watch = asyncio.create_task(self._until_left(), name="caller left")
        self._watch.add_done_callback(self._leave)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._is_over = True
        self._watch.cancel()
        is_ours = self.has_left and self._task is not None and self._task.uncancel() == 0
        return is_ours and kind is asyncio.CancelledError

    def over(self) -> None:
        """The last part of the answer is about to go out: the end is no leaving any more."""
        self._is_over = True

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _leave(self, watch: asyncio.Task[None]) -> None:
        if watch.cancelled() or self._is_over:
            return
        watch.result()
        self.has_left = True
        if self._task is not None:
            self._task.cancel()
