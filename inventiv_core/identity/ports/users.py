"""Users, kept."""

from typing import Protocol

from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.users import User


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
