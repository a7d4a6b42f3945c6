"""Users, in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from inventiv_adapters.identity.memory.organizations import forget_member, memberships
from inventiv_adapters.identity.memory.sessions import forget_sessions
from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.identity.access import PlatformRole, UserId
from inventiv_core.identity.entities.api_keys import ApiKey
from inventiv_core.identity.entities.invitations import Invitation
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.passwords import PasswordReset
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.users import LoginTaken
from inventiv_core.identity.ports.users import UserQueries, UserRepository
from inventiv_core.identity.views.users import UserFilter, UserRow
from inventiv_core.kernel.pagination import Rows, Window, has_needle
from inventiv_core.workbench.entities import Message, Project, Run, RunMetadata


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

    async def lock_with_admins(self, user_id: UserId) -> Sequence[User]:
        users = self._database.table(User).values()
        wanted = [user for user in users if user.id == user_id or user.role is PlatformRole.ADMIN]
        return sorted(wanted, key=lambda user: user.id)

    async def remove(self, user_id: UserId) -> None:
        database = self._database
        database.table(User).pop(user_id, None)
        database.table(PasswordReset).pop(user_id, None)
        forget_sessions(database, user_id)
        forget_member(database, user_id)
        keys = database.table(ApiKey)
        for key in [key for key in keys.values() if key.user_id == user_id]:
            del keys[key.id]
        organizations = database.table(Organization)
        for organization in list(organizations.values()):
            if organization.created_by_user_id == user_id:
                organizations[organization.id] = replace(organization, created_by_user_id=None)
        _forget_workbench(database, user_id)
        invitations = database.table(Invitation)
        for invitation in list(invitations.values()):
            if invitation.invited_by_user_id == user_id:
                invitations[invitation.id] = replace(invitation, invited_by_user_id=None)

    def _put(self, user: User) -> None:
        for other in self._database.table(User).values():
            same = other.username == user.username or other.email == user.email
            if same and other.id != user.id:
                raise LoginTaken
        self._database.table(User)[user.id] = user


class MemoryUserQueries(UserQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, *, limit: int) -> Sequence[UserRow]:
        users = sorted(
            self._database.table(User).values(),
            key=lambda user: (user.created_at, user.id),
            reverse=True,
        )
        return [_row(user) for user in users[:limit]]

    async def find(self, user_id: UserId) -> UserRow | None:
        user = self._database.table(User).get(user_id)
        return None if user is None else _row(user)

    async def search(self, where: UserFilter, window: Window) -> Rows[UserRow]:
        users = self._database.table(User)
        pairs = [pair for user in users.values() for pair in self._pairs(user)]
        wanted = [pair for pair in pairs if _matches(pair, where)]
        return Rows(rows=within(window, wanted), total_count=len(users), filtered_count=len(wanted))

    def _pairs(self, user: User) -> Iterator[UserRow]:
        known = memberships(self._database, user.id)
        if not known:
            yield _row(user)
        for membership in known:
            organization = self._database.table(Organization)[membership.organization_id]
            yield replace(
                _row(user),
                organization_id=organization.id,
                organization_name=organization.name,
                organization_slug=organization.slug,
                organization_role=membership.role,
            )


def _forget_workbench(database: MemoryDatabase, user_id: UserId) -> None:
    """Drop what a user who is gone has said in the workbench."""
    projects, runs = database.table(Project), database.table(Run)
    for project in list(projects.values()):
        if project.owner_user_id == user_id:
            del projects[project.id]
    for run in list(runs.values()):
        if run.created_by_user_id == user_id:
            del runs[run.id]
            del database.table(RunMetadata)[run.id]
        elif run.project_id is not None and run.project_id not in projects:
            runs[run.id] = replace(run, project_id=None)
    messages = database.table(Message)
    for message in list(messages.values()):
        if message.run_id not in runs:
            del messages[message.id]


def _matches(pair: UserRow, where: UserFilter) -> bool:
    return (
        has_needle(where.needle, pair.username, pair.email)
        and where.organization_id in {None, pair.organization_id}
        and where.organization_role in {None, pair.organization_role}
    )


def _row(user: User) -> UserRow:
    return UserRow(
        user_id=user.id,
        username=user.username,
        email=user.email,
        role=user.role,
        first_name=user.first_name,
        last_name=user.last_name,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )
