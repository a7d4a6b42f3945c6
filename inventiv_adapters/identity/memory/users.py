"""Users, in memory."""

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.users import LoginTaken
from inventiv_core.identity.ports.users import UserRepository


class MemoryUsers(UserRepository):
    """The users."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, user: User) -> None:
        self._put(user)

    async def find(self, user_id: UserId) -> User | None:
        return self._database.table(User).get(user_id)

    async def lock(self, user_id: UserId) -> User | None:
        return await self.find(user_id)

    async def find_by_login(self, login: str) -> User | None:
        for user in self._database.table(User).values():
            if login in {user.username, user.email}:
                return user
        return None

    async def save(self, user: User) -> None:
        self._put(user)

    def _put(self, user: User) -> None:
        for other in self._database.table(User).values():
            same = other.username == user.username or other.email == user.email
            if same and other.id != user.id:
                raise LoginTaken
        self._database.table(User)[user.id] = user
