"""Users on the wire."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.identity.entities.users import User
from inventiv_core.identity.use_cases.users import NewUser, UserChanges
from inventiv_core.identity.views.users import UserRow
from inventiv_http.identity.schemas.profile import ProfileChanges


class UserBody(msgspec.Struct, frozen=True, kw_only=True):
    """A user and, in a search, one of the organizations they belong to."""

    id: UUID
    username: str
    email: str
    role: str
    first_name: str | None
    last_name: str | None
    created_at: datetime
    updated_at: datetime
    organization_id: UUID | None = None
    organization_name: str | None = None
    organization_slug: str | None = None
    organization_role: str | None = None

    @classmethod
    def of(cls, row: UserRow) -> Self:
        """Show a row."""
        return cls(
            id=row.user_id,
            username=row.username,
            email=row.email,
            role=row.role,
            first_name=row.first_name,
            last_name=row.last_name,
            created_at=row.created_at,
            updated_at=row.updated_at,
            organization_id=row.organization_id,
            organization_name=row.organization_name,
            organization_slug=row.organization_slug,
            organization_role=row.organization_role,
        )

    @classmethod
    def of_user(cls, user: User) -> Self:
        """Show what is public of a user."""
        return cls(
            id=user.id,
            username=user.username,
            email=user.email,
            role=user.role,
            first_name=user.first_name,
            last_name=user.last_name,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class NewUserBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /users``."""

    email: str
    password: str
    username: str | None = None
    """By default the address."""
    role: str | None = None
    """``admin`` or ``user``, which is the default."""
    first_name: str | None = None
    last_name: str | None = None

    @property
    def meant(self) -> NewUser:
        """What is asked for."""
        return NewUser(**msgspec.structs.asdict(self))


class UserChangesBody(ProfileChanges, frozen=True, kw_only=True):
    """The body of ``PUT /users/{id}``: what is left out stays, and a name that is null goes."""

    role: str | None = None
    password: str | None = None

    @property
    def meant(self) -> UserChanges:
        """What is asked for."""
        return UserChanges(profile=self.given, role=self.role, password=self.password)
