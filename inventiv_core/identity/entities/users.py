"""Users."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from inventiv_core.identity.access import PlatformRole, UserId
from inventiv_core.identity.entities.names import address_of, name_of, one_line, username_of
from inventiv_core.identity.errors.names import NameTooLong
from inventiv_core.identity.errors.users import InvalidPlatformRole, PersonalNameTooLong
from inventiv_core.kernel.differences import differing
from inventiv_core.kernel.money import ZERO_EUR, Eur


class Plan(StrEnum):
    """What a user, or an organization, has subscribed to."""

    FREE = "free"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who may sign in."""

    id: UserId
    username: str
    """Lower case, unique."""
    email: str
    """Lower case, unique."""
    password_hash: str
    role: PlatformRole
    first_name: str | None
    last_name: str | None
    created_at: datetime
    updated_at: datetime
    account_plan: Plan = Plan.FREE
    wallet_balance_eur: Eur = ZERO_EUR


LONGEST_PERSONAL_NAME: Final = 100
"""In characters."""

_LONGEST_WORD: Final = 64
"""Of what is no role, as much is said back."""


def personal_name(text: str | None, *, field: str) -> str | None:
    """Return the first or last name that is meant; a blank one is none.

    Raises:
        PersonalNameTooLong: It is too long.
    """
    if text is None or not one_line(text):
        return None
    try:
        return name_of(text, longest=LONGEST_PERSONAL_NAME)
    except NameTooLong as error:
        raise PersonalNameTooLong(longest=error.longest, field=field) from error


def platform_role(text: str) -> PlatformRole:
    """Return the role of that name, in whatever case; raises `InvalidPlatformRole`."""
    try:
        return PlatformRole(text.strip().lower())
    except ValueError as error:
        raise InvalidPlatformRole(role=text[:_LONGEST_WORD]) from error


def revised(user: User, changes: Mapping[str, str | None], *, at: datetime) -> User:
    """Return ``user`` with what is given of username, email, first_name and last_name.

    What is not given stays, and so does a user name or an address that is given as nothing,
    or as what it is already: the rules are for new ones. A name that is given as nothing is
    no more. Who is called by their address still is when it changes.

    Raises:
        InvalidEmailFormat: The address is none.
        InvalidUsername: The user name is none.
        PersonalNameTooLong: A name is too long.
    """
    email = _meant(changes.get("email")) or user.email
    if email != user.email:
        email = address_of(email)
    username = _meant(changes.get("username")) or user.username
    if username == user.username:
        username = email if user.username == user.email else username
    else:
        username = username_of(username, email=email)
    after = replace(
        user,
        email=email,
        username=username,
        first_name=personal_name(changes.get("first_name", user.first_name), field="first_name"),
        last_name=personal_name(changes.get("last_name", user.last_name), field="last_name"),
    )
    return after if after == user else replace(after, updated_at=at)


def _meant(text: str | None) -> str:
    return (text or "").strip().lower()


_SHOWN: Final = ("username", "email", "role", "first_name", "last_name")


def differences(before: User, after: User) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values that differ, before and after, for the books."""
    return differing(before, after, _SHOWN)
