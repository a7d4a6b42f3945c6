"""People, as a table: those of an organization, or of the platform."""

from collections.abc import Sequence

from inventiv_http.cli.output import Output, instant
from inventiv_http.client import Member, User


def show_people(people: Sequence[Member] | Sequence[User], out: Output, *, empty: str) -> None:
    """Show who they are, and since when they belong there."""
    out.table(
        ("Username", "Email", "Name", "Role", "Since (UTC)"),
        (
            (
                one["username"],
                one["email"],
                " ".join(filter(None, (one["first_name"], one["last_name"]))) or "-",
                one["role"],
                instant(one["created_at"]),
            )
            for one in people
        ),
        empty=empty,
    )
    out.document(people)
