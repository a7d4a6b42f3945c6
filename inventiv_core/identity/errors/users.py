"""What can go wrong with users."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Conflict


@dataclass(eq=False, kw_only=True)
class LoginTaken(Conflict):
    """Another user has this user name or e-mail address."""

    code = "username_or_email_already_exists"
