"""Sessions on the wire."""

from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.identity.entities import User
from inventiv_core.identity.views import SessionDetails


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /auth/login``."""

    email: str
    """A user name or an e-mail address."""
    password: str


class LoginBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who has signed in. The token is in the cookie."""

    user_id: UUID
    email: str
    role: str
    first_name: str | None
    last_name: str | None

    @classmethod
    def of(cls, user: User) -> Self:
        """Show the public part of a user."""
        return cls(
            user_id=user.id,
            email=user.email,
            role=user.role,
            first_name=user.first_name,
            last_name=user.last_name,
        )


class MeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and in which workspace."""

    user_id: UUID
    username: str
    email: str
    role: str
    first_name: str | None
    last_name: str | None
    current_organization_id: UUID | None
    current_organization_name: str | None
    current_organization_slug: str | None
    current_organization_role: str | None

    @classmethod
    def of(cls, session: SessionDetails) -> Self:
        """Show what the database says of the session's user."""
        return cls(
            user_id=session.user_id,
            username=session.username,
            email=session.email,
            role=session.role,
            first_name=session.first_name,
            last_name=session.last_name,
            current_organization_id=session.organization_id,
            current_organization_name=session.organization_name,
            current_organization_slug=session.organization_slug,
            current_organization_role=session.organization_role,
        )


class StatusBody(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    status: str = "ok"
