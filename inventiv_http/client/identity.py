"""People, organizations, and who belongs where."""

from typing import TypedDict

from inventiv_http.client.calls import Call, Session, call


class Status(TypedDict):
    """That something was done."""


class LoggedIn(TypedDict):
    """Who has signed in."""

    user_id: str
    email: str
    role: str


class Me(TypedDict):
    """Who is asking, and for which organization."""

    username: str
    email: str
    current_organization_id: str | None
    current_organization_name: str | None
    current_organization_role: str | None


class Organization(TypedDict):
    """A team that the caller belongs to; the role is the caller's."""

    id: str
    name: str
    slug: str
    role: str
    member_count: int


class Workspace(TypedDict):
    """Where the session works now; None is the personal workspace."""

    current_organization_id: str | None


class Member(TypedDict):
    """Somebody who belongs to an organization; the date is the membership's."""

    user_id: str
    username: str
    email: str
    first_name: str | None
    last_name: str | None
    role: str
    created_at: str


class User(TypedDict):
    """Somebody who may sign in."""

    id: str
    username: str
    email: str
    role: str
    first_name: str | None
    last_name: str | None
    created_at: str


class Invited(TypedDict):
    """An invitation that was sent; its token is said this once."""

    id: str
    token: str
    email: str
    role: str
    expires_at: str


class Identity:
    """Who is asking, and with whom they work."""

    @call
    def login(self, username: str, password: str) -> Call[LoggedIn]:
        """Sign in with a username, or an email address; the client is known by the session."""
        return Call(
            method="POST",
            path="/auth/login",
            body={"email": username, "password": password},
            answer=LoggedIn,
            session=Session.OPENED,
        )

    @call
    def logout(self) -> Call[Status]:
        """End the session that the client is known by."""
        return Call(method="POST", path="/auth/logout", answer=Status)

    @call
    def me(self) -> Call[Me]:
        """Say who is asking."""
        return Call(path="/auth/me", answer=Me)

    @call
    def change_password(self, current: str, new: str) -> Call[Status]:
        """Change the caller's own password; their other sessions end."""
        return Call(
            method="PUT",
            path="/auth/me/password",
            body={"current_password": current, "new_password": new},
            answer=Status,
        )

    @call
    def organizations(self) -> Call[list[Organization]]:
        """List the organizations the caller belongs to."""
        return Call(path="/organizations", answer=list[Organization])

    @call
    def create_organization(
        self, name: str, *, slug: str | None = None, use: bool = False
    ) -> Call[Organization]:
        """Found an organization; with ``use``, the session works there, with another token."""
        return Call(
            method="POST",
            path="/organizations",
            body={"name": name, "slug": slug, "set_as_current": use},
            answer=Organization,
            session=Session.MAY_CHANGE,
        )

    @call
    def switch(self, organization_id: str | None) -> Call[Workspace]:
        """Work in another organization, or in none; the session gets another token."""
        return Call(
            method="PUT",
            path="/organizations/current",
            body={"organization_id": organization_id},
            answer=Workspace,
            session=Session.MAY_CHANGE,
        )

    @call
    def members(self) -> Call[list[Member]]:
        """List who belongs to the current organization."""
        return Call(path="/organizations/current/members", answer=list[Member])

    @call
    def invite(self, email: str, *, role: str = "user", days: int = 7) -> Call[Invited]:
        """Invite somebody into the current organization."""
        return Call(
            method="POST",
            path="/organizations/current/invitations",
            body={"email": email, "role": role, "expires_in_days": days},
            answer=Invited,
        )

    @call
    def users(self) -> Call[list[User]]:
        """List all users, the newest first; takes an administrator of the platform."""
        return Call(path="/users", answer=list[User])

    @call
    def create_user(
        self, email: str, *, password: str, name: str | None = None, role: str = "user"
    ) -> Call[User]:
        """Give somebody an account; takes an administrator of the platform."""
        return Call(
            method="POST",
            path="/users",
            body={"email": email, "username": name, "role": role, "password": password},
            answer=User,
        )
