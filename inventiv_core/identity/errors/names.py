"""What can go wrong with what things and people are called."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Invalid


@dataclass(eq=False, kw_only=True)
class NameRequired(Invalid):
    """This needs a name."""


@dataclass(eq=False, kw_only=True)
class NameTooLong(Invalid):
    """This name is too long."""

    longest: int
    """In characters."""


@dataclass(eq=False, kw_only=True)
class InvalidUsername(Invalid):
    """A user name has letters and digits, dots, hyphens and underscores, at most 64 of them."""
