"""Users, kept."""

from collections.abc import Sequence
from typing import Protocol

from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.views.users import UserFilter, UserRow
from inventiv_core.kernel.pagination import Rows, Window


class UserRepository(Protocol):
    """All users, one at a time."""

    async def add(self, user: User) -> None:
        """Store a new user, or raise `LoginTaken`."""
        ...

    async def find(self, user_id: UserId) -> User | None:
        """Return the user of that id."""
        ...

    async def lock(self, user_id: UserId) -> User | None:
        """Like `find`, and let nobody else change the user until the end of the work."""
        ...

    async def find_by_login(self, login: str) -> User | None:
        """Return whose user name or e-mail address is exactly ``login``."""
        ...

    async def save(self, user: User) -> None:
        """Replace what is stored of this user, or raise `LoginTaken`."""
        ...

    async def lock_with_admins(self, user_id: UserId) -> Sequence[User]:
        """Return the user, if there is one, and all administrators of the platform, by id.

        Nobody else changes them until the end of the work, makes a member of one of them, or
        finds them unlocked.
        """
        ...

    async def remove(self, user_id: UserId) -> None:
        """Delete a user, and with them their sessions, memberships and resets.

        What they have made for others stays, without its maker.
        """
        ...


class UserQueries(Protocol):
    """Users, to look at. Reads only, outside any unit of work."""

    async def list(self, *, limit: int) -> Sequence[UserRow]:
        """List users, the newest first, without where they belong."""
        ...

    async def find(self, user_id: UserId) -> UserRow | None:
        """Return a user, without where they belong."""
        ...

    async def search(self, where: UserFilter, window: Window) -> Rows[UserRow]:
        """List users with where they belong: a row for each pair, and one for who is nowhere.

        Counts all users in ``total_count``, and pairs that were searched for in
        ``filtered_count``.
        """
        ...
